// kill -9 of every process under load: what was acknowledged is there afterwards, once and whole.
// TSG_KILL_ROUNDS sets how often databases and API die (5 here, 50 for a long run).

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../../until.ts';
import { type LocalRegion, type Pids, startRegion } from '../region.ts';
import { Service } from '../service.ts';

const rounds = Number(process.env['TSG_KILL_ROUNDS'] ?? 5);

let region: LocalRegion;
let service: Service;

before(async () => {
  region = await startRegion();
  service = new Service(region.url, region.adminToken);
  await service.database('plant', { volumes: 2 });
});
after(() => region?.stop());

/** Writers that go on until told to stop, and remember what they know: acknowledged, or unknown when the answer never came. */
class Writers {
  readonly acknowledged = new Set<number>();
  readonly sent = new Set<number>();
  #next = 0;
  #on = true;
  readonly #done: Promise<unknown>;

  constructor(count: number) {
    this.#done = Promise.all(Array.from({ length: count }, () => this.#write()));
  }

  async stop(): Promise<void> {
    this.#on = false;
    await this.#done;
  }

  /** Each request has two series, so that a half-applied one shows. */
  async #write(): Promise<void> {
    while (this.#on) {
      const n = this.#next++;
      this.sent.add(n);
      const body = `left,host=h${n % 5} n=${n}i ${n + 1}\nright,host=h${n % 5} n=${n}i ${n + 1}`;
      const reply = await service.ask('/v1/databases/plant/write', { body }).catch(() => undefined);
      if (reply?.status === 200) this.acknowledged.add(n);
      else {
        if (reply) assert.equal(reply.status, 503, reply.text);
        if (reply) assert.ok(Number.isInteger(Number(reply.headers.get('retry-after'))));
        // What is to come back has the processor.
        await delay(100);
      }
    }
  }
}

async function stored(series: string): Promise<number[]> {
  const rows = await until(
    'the database to answer',
    async () => {
      const reply = await service.ask(`/v1/databases/plant/series/${series}/query?field=n`).catch(() => undefined);
      return reply?.status === 200 && reply.json.rows;
    },
    60_000,
  );
  return rows.map((row: number[]) => row.at(-1)!).sort((a: number, b: number) => a - b);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It is being restarted at this moment: dead as wanted.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

type Choose = (pids: Pids) => number[];

const victims: Record<string, [number, Choose]> = {
  database: [rounds, (pids) => Object.values(pids.databases)],
  api: [rounds, (pids) => [pids.api]],
  'database and api': [rounds, (pids) => [...Object.values(pids.databases), pids.api]],
  agent: [2, (pids) => [pids.agent]],
  'dynoxide and fauxqs': [2, (pids) => [pids.dynoxide, pids.fauxqs]],
};

for (const [name, [times, choose]] of Object.entries(victims)) {
  test(`kill -9 of ${name} under load, ${times} times`, async () => {
    const writers = new Writers(8);
    for (let round = 0; round < times; round++) {
      const goal = writers.acknowledged.size + 50 + ((round * 37) % 100);
      await until(`${goal} acknowledged writes`, () => writers.acknowledged.size >= goal, 60_000);
      for (const pid of choose(region.pids())) kill(pid);
    }
    const goal = writers.acknowledged.size + 50;
    await until('writes to go on', () => writers.acknowledged.size >= goal, 60_000);
    await writers.stop();

    const [left, right] = [await stored('left'), await stored('right')];
    assert.deepEqual(left, right, 'a request was applied in part');
    assert.equal(new Set(left).size, left.length, 'a point is there twice');
    const there = new Set(left);
    const lost = [...writers.acknowledged].filter((n) => !there.has(n));
    assert.deepEqual(lost, []);
    assert.ok(left.every((n) => writers.sent.has(n)));
    // A drop is audited first, and DynamoDB's stand-in may still be coming back.
    for (const series of ['left', 'right'])
      await until(`${series} to be dropped`, async () => {
        const { status } = await service.ask(`/v1/databases/plant/series/${series}`, { method: 'DELETE' });
        assert.ok(status === 204 || status === 503, `${status}`);
        return status === 204;
      });
  });
}

test('kill -9 of everything, then a new start: data, tokens and definitions are there', async () => {
  await service.write('plant', 'kept,host=a v=1 1\nkept,host=b v=2 2');
  // DynamoDB's stand-in may still be coming back from the test before.
  const secret = await until('a token', async () => {
    const reply = await service.ask('/v1/tokens', { body: { name: 'kept', scopes: ['read'] } });
    return reply.status === 201 && reply.json.secret;
  });
  await region.killAll();
  await region.restart();
  service = new Service(region.url, secret);
  await until(
    'the database to answer',
    async () => {
      const reply = await service.ask('/v1/databases/plant/series/kept/query?aggregation=sum').catch(() => undefined);
      return reply?.status === 200 && reply.json.rows[0][0] === 3;
    },
    60_000,
  );
});
