// Who kdb/q answers, and what: everything but typed calls of the contract is refused. Run by our interpreter of q.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { call, errorText, IpcClient, message, q } from '../kdb/ipc-client.ts';
import { interpreter, startQ } from './q-process.ts';
import { volumesFor } from './store-in-temp.ts';

test('kdb/q answers typed calls of the contract, and nothing else', async (t) => {
  const writer = await startQ(interpreter, volumesFor(t, 1));
  t.after(() => writer.stop('SIGKILL'));
  const clients: IpcClient[] = [];
  t.after(() => {
    for (const each of clients) each.close();
  });
  const client = async (login = 'u:p'): Promise<IpcClient | undefined> => {
    const made = new IpcClient(writer.port);
    clients.push(made);
    return (await made.login(login)) === undefined ? undefined : made;
  };
  for (const login of ['u:wrong', 'u', 'v:p', 'u:p:more', ':', ''])
    assert.equal(await client(login), undefined, `login ${login}`);

  const own = (await client())!;
  const lambda = Buffer.concat([Buffer.of(100, 0), q.C('{x}')]);
  const refused: [string, Buffer][] = [
    ['text', message(1, q.C('1+1'))],
    ['a name', message(1, q.s('.tsg.hello'))],
    ['a call that is not', call('.tsg.shell', q.C('ls'))],
    ['a word of q', call('system', q.C('ls'))],
    ['a function', message(1, q.list(lambda, q.null))],
    ['a primitive', message(1, q.list(Buffer.of(102, 1), q.j(1n), q.j(2n)))],
    ['no argument', call('.tsg.hello')],
    ['too many arguments', call('.tsg.hello', q.null, q.null)],
    ['a function as argument', call('.tsg.describe', lambda)],
    ['text for a name', call('.tsg.describe', q.C('m'))],
    ['a query without its keys', call('.tsg.query', q.dict(q.S('series'), q.list(q.s('m'))))],
    ['a query by numbers', call('.tsg.query', q.dict(q.J(1n), q.J(1n)))],
    ['a batch without parts', call('.tsg.insert', q.g(Buffer.alloc(16)), q.list())],
    ['a part that is none', call('.tsg.insert', q.g(Buffer.alloc(16)), q.list(q.j(1n)))],
    ['what readers ask for, by another argument', call('.tsg.follow', q.j(1n))],
  ];
  for (const [what, bytes] of refused) {
    own.send(bytes);
    assert.match(errorText((await own.next())!) ?? 'answered', /^BadCall/, what);
  }
  // Nothing answers it; the next call is answered as if it had not been.
  own.send(message(0, q.list(q.s('.tsg.hello'), q.null)), call('.tsg.hello', q.null));
  assert.equal(errorText((await own.next())!), undefined);

  const malformed = (await client())!;
  malformed.send(message(1, Buffer.from([6, 0, 255, 255, 255, 127])));
  await malformed.closed();

  for (const verb of ['GET', 'POST', 'OPTIONS']) {
    const socket = connect(writer.port, '127.0.0.1');
    socket.write(`${verb} /?1+1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`);
    const reply = (await socket.setEncoding('latin1').toArray()).join('');
    assert.match(reply, /^HTTP\/1\.1 401 /, verb);
  }
  own.send(call('.tsg.hello', q.null));
  assert.equal(errorText((await own.next())!), undefined);
});
