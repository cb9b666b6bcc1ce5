// The thread that reads and writes the connections of outgoing.ts.

import { connect } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import type { OpenRequest, Told } from './outgoing.ts';

const said = workerData as Int32Array;

parentPort!.on('message', ({ port, address, login, timeoutMs }: OpenRequest) => {
  const tell = (told: Told): void => {
    port.postMessage(told);
    Atomics.add(said, 0, 1);
    Atomics.notify(said, 0);
  };
  let isOpen = false;
  const refuse = (reason: string): void => {
    if (isOpen) return;
    tell({ kind: 'refused', reason });
    socket.destroy();
  };
  const socket = address.path === undefined ? connect(address.port, address.host) : connect(address.path);
  socket.setNoDelay();
  const timer = timeoutMs > 0 ? setTimeout(refuse, timeoutMs, 'timeout') : undefined;
  socket.on('connect', () => socket.write(login));
  socket.on('data', (chunk) => {
    if (isOpen) return tell({ kind: 'chunk', bytes: chunk });
    clearTimeout(timer);
    tell({ kind: 'open' });
    isOpen = true;
    if (chunk.length > 1) tell({ kind: 'chunk', bytes: chunk.subarray(1) });
  });
  // A login that is refused ends without a byte.
  socket.on('error', (error) => refuse(`hop. OS reports: ${error.message}`));
  socket.on('close', () => {
    clearTimeout(timer);
    if (isOpen) tell({ kind: 'closed' });
    else refuse('access');
  });
  port.on('message', (bytes: Uint8Array) => socket.write(bytes));
  port.on('close', () => socket.end());
});
