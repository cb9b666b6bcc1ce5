import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { call, message, q } from '../ipc-client.ts';
import { helloReply, id, login, onePart, query, refusal, serve } from './serve.ts';

// What is answered with BadCall, and what ends the connection.

const deep = Buffer.concat([...Array<Buffer>(100).fill(Buffer.from('000001000000', 'hex')), q.null]);
const notCalls: Readonly<Record<string, Buffer>> = {
  'a text query': message(1, q.C('count tables[]')),
  'a text query as a list': message(1, q.list(q.C('.tsg.hello'), q.null)),
  'a symbol alone': message(1, q.s('.tsg.hello')),
  'a name outside the table': call('.tsg.exit', q.null),
  'a name of an object’s prototype': call('constructor', q.null),
  'a built-in': call('system', q.C('ls')),
  'no argument': call('.tsg.hello'),
  'an argument too many': call('.tsg.hello', q.null, q.null),
  'an argument of another type': call('.tsg.tags', q.C('cpu')),
  'a lambda as argument': call('.tsg.tags', Buffer.from('64000a00050000007b782b797d', 'hex')),
  'nesting without end': message(1, deep),
  'a value that is cut off': message(1, Buffer.from('0000ffffff7f', 'hex')),
  'an empty list': message(1, q.list()),
  'an error as request': message(1, Buffer.from('806100', 'hex')),
};

for (const [title, request] of Object.entries(notCalls)) {
  test(`refused: ${title}`, () =>
    serve(async (open) => {
      assert.match((await refusal(open, request)) ?? 'no error', /^BadCall\t/);
    }));
}

const hangUps: Readonly<Record<string, Buffer>> = {
  'an asynchronous call': message(0, q.list(q.s('.tsg.drop'), q.s('cpu'))),
  'a response': message(2, q.null),
  'big endian': Buffer.from('000100000000000a6500', 'hex'),
  'a length past the limit': Buffer.from('01010000ffffff7f', 'hex'),
  'a length of nothing': Buffer.from('0101000000000000', 'hex'),
};

for (const [title, bytes] of Object.entries(hangUps)) {
  test(`hung up on: ${title}`, () => {
    let dropped = 0;
    return serve(
      async (open) => {
        const client = open();
        await client.login(login);
        client.send(bytes);
        assert.equal(await client.next(), undefined);
        assert.equal(dropped, 0);
        assert.equal(await open().login(login), 3);
      },
      {
        drop: async () => {
          dropped++;
        },
      },
    );
  });
}

test('random bytes after the login, and calls with a byte changed, leave the server alive', () =>
  serve(async (open) => {
    const valid = [query, call('.tsg.insert', q.g(id), q.list(onePart))];
    const changed = fc
      .tuple(fc.constantFrom(...valid), fc.nat(), fc.nat({ max: 255 }))
      .map(([frame, at, byte]) => frame.with(at % frame.length, byte));
    const bytes = fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 200 }), changed);
    await fc.assert(
      fc.asyncProperty(fc.array(bytes, { minLength: 1, maxLength: 5 }), async (pieces) => {
        const client = open();
        assert.equal(await client.login(login), 3);
        client.send(...pieces.map((piece) => Buffer.from(piece)));
        client.socket.end();
        await client.closed();
      }),
      { numRuns: 100 },
    );
    const client = open();
    await client.login(login);
    client.send(call('.tsg.hello', q.null));
    assert.deepEqual(await client.next(), helloReply);
  }));
