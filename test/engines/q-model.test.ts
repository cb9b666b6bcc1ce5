import { test } from 'node:test';
import type { EngineClient } from '../../src/kdb/client.ts';
import type { DatabaseProcess } from './database-process.ts';
import { agreesWithReference, type Subject } from './model.ts';
import { clientOf, interpreter, startQ } from './q-process.ts';
import { volumesFor } from './store-in-temp.ts';

test('kdb/q, run by our interpreter, agrees with the reference', (t) =>
  agreesWithReference(async (volumeCount) => {
    const volumes = volumesFor(t, volumeCount);
    let process: DatabaseProcess;
    let client: EngineClient;
    const start = async (): Promise<void> => {
      process = await startQ(interpreter, volumes);
      client = clientOf(process);
      subject.engine = client;
    };
    const end = async (signal: NodeJS.Signals): Promise<void> => {
      await client.close();
      await process.stop(signal);
    };
    const subject = {
      reopen: () => end('SIGTERM').then(start),
      crash: () => end('SIGKILL').then(start),
      close: () => end('SIGKILL'),
    } as Subject;
    await start();
    return subject;
  }, 4));
