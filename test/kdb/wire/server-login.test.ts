import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call, q } from '../ipc-client.ts';
import { helloReply, login, serve } from './serve.ts';

test('login: one byte back, the lower capability of the two', () =>
  serve(async (open) => {
    for (const [offered, answered] of [
      [0, 0],
      [1, 1],
      [3, 3],
      [6, 3],
    ] as const)
      assert.equal(await open().login(login, offered), answered);
  }));

test('login: anything else is hung up on without a byte', () =>
  serve(async (open) => {
    const wrong = ['db:wrong', 'db:pa', 'db', '', 'other:pa:ss', 'db:pa:ss ', ':', `db:${'x'.repeat(1_000_000)}`];
    for (const text of wrong) assert.equal(await open().login(text), undefined, text.slice(0, 20));
  }));

test('login: HTTP on this port is hung up on', () =>
  serve(async (open) => {
    const client = open();
    client.send(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'));
    assert.equal(await client.next(), undefined);
  }));

test('login: silence is hung up on', () =>
  serve(
    async (open) => {
      const client = open();
      client.send(Buffer.from('db:pa'));
      assert.equal(await client.next(), undefined);
    },
    {},
    { handshakeTimeoutMs: 50 },
  ));

test('login byte by byte, with the first call glued to it', () =>
  serve(async (open) => {
    const client = open();
    for (const byte of Buffer.from(login)) client.send(Buffer.of(byte));
    client.send(Buffer.of(3, 0), call('.tsg.hello', q.null));
    assert.equal(await client.login('').then((byte) => byte), 3);
    assert.deepEqual(await client.next(), helloReply);
  }));

test('hello, byte by byte', () =>
  serve(async (open) => {
    const client = open();
    await client.login(login);
    for (const byte of call('.tsg.hello', q.null)) client.send(Buffer.of(byte));
    assert.deepEqual(await client.next(), helloReply);
  }));
