import assert from 'node:assert/strict';
import winston from 'winston';
import { createEngineServer, type EngineServer, type ServerOptions } from '../../../kdb/embedded/wire/server.ts';
import { call, errorText, IpcClient, message, q } from '../ipc-client.ts';
import { stubEngine } from '../stub-engine.ts';

// The server, and clients that share no code with it.

/** Of the server. */
export const login = 'db:pa:ss';

/** Runs the story against a server, with a way to open clients; all is closed afterwards. */
export async function serve(
  story: (open: () => IpcClient, server: EngineServer) => Promise<void>,
  engine: Parameters<typeof stubEngine>[0] = {},
  options: Partial<ServerOptions> = {},
): Promise<void> {
  const server = await createEngineServer(stubEngine(engine), {
    host: '127.0.0.1',
    port: 0,
    user: 'db',
    password: 'pa:ss',
    log: winston.createLogger({ silent: true }),
    ...options,
  });
  const clients: IpcClient[] = [];
  const open = (): IpcClient => {
    const client = new IpcClient(server.port);
    clients.push(client);
    return client;
  };
  try {
    await story(open, server);
  } finally {
    for (const client of clients) client.close();
    await server.close();
  }
}

/** Logs in, sends, gives the error of the reply. */
export async function refusal(open: () => IpcClient, request: Buffer): Promise<string | undefined> {
  const client = open();
  assert.equal(await client.login(login), 3);
  client.send(request);
  const reply = await client.next();
  assert(reply, 'the server hung up');
  return errorText(reply);
}

/** What `.tsg.hello` is answered with. */
export const helloReply = message(
  2,
  q.list(q.j(1n), q.s('stub'), q.s('flexible'), q.j(9_007_199_254_740_993n), q.j(1_000_000n)),
);
/** Three points of cpu, with a float and a string field. */
export const onePart = q.list(
  q.s('cpu'),
  q.S('host'),
  q.list(q.S('a', 'b')),
  q.I(0, 1, 0),
  q.J(1n, 2n, 3n),
  q.S('usage', 'note'),
  q.C('fs'),
  q.list(q.null, Buffer.from('010003000000010001', 'hex')),
  q.list(q.F(1.5, 2.5, -0), q.list(q.I(2, 0, 1), q.C('hi!'))),
);
/** A batch id. */
export const id = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');

/** A query for raw points. */
export const query = call(
  '.tsg.query',
  q.dict(
    q.S('series', 'from', 'to', 'where', 'by', 'bucket', 'select', 'fields', 'order', 'limit', 'cut', 'after'),
    q.list(
      q.s('cpu'),
      q.j(0n),
      q.j(9n),
      q.null,
      q.S(),
      q.null,
      q.list(),
      q.S(),
      q.s('asc'),
      q.j(10n),
      q.b(false),
      q.null,
    ),
  ),
);
