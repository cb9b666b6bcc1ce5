import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bucket } from '../../src/auth/bucket.ts';

/** A zone with one count, time that only the test moves, and processes with a bucket each. */
class Zone {
  nowMs = 0;
  used = 0;
  settled = 0;
  readonly #windowMs = 1_000;
  #windowEndsMs = 0;
  #timers: { atMs: number; wake: () => void }[] = [];

  bucket(share: number): Bucket {
    const bucket = new Bucket({
      windowMs: this.#windowMs,
      settle: async (amount) => this.#settle(amount),
      clock: () => this.nowMs,
      after: (delayMs, wake) => this.#timers.push({ atMs: this.nowMs + delayMs, wake }),
    });
    bucket.share = share;
    return bucket;
  }

  #settle(amount: number): { used: number; windowEndsInMs: number } {
    if (this.nowMs >= this.#windowEndsMs) {
      this.used = 0;
      this.#windowEndsMs = this.nowMs + this.#windowMs;
    }
    this.used += amount;
    this.settled += 1;
    return { used: this.used, windowEndsInMs: this.#windowEndsMs - this.nowMs };
  }

  async pass(ms: number): Promise<void> {
    for (const untilMs = this.nowMs + ms; this.nowMs < untilMs; this.nowMs += 10) {
      await new Promise(setImmediate);
      const due = this.#timers.filter(({ atMs }) => atMs <= this.nowMs);
      this.#timers = this.#timers.filter(({ atMs }) => atMs > this.nowMs);
      for (const { wake } of due) wake();
    }
    await new Promise(setImmediate);
  }
}

/** What one client gets through in so many seconds when it tries every 10 ms. */
async function through(zone: Zone, buckets: readonly Bucket[], amount: number, seconds: number): Promise<number> {
  let got = 0;
  for (let step = 0; step < seconds * 100; step++) {
    for (const bucket of buckets) {
      if (bucket.closedForMs() > 0) continue;
      bucket.take(amount);
      got += amount;
    }
    await zone.pass(10);
  }
  return got;
}

const runs: readonly (readonly [title: string, share: number, processes: number, amount: number])[] = [
  ['one process, small requests', 1_000, 1, 20],
  ['three processes of the zone share one limit', 1_000, 3, 20],
  ['requests larger than a whole share', 1_000, 1, 3_500],
  ['requests larger than a share, from three processes', 1_000, 3, 3_500],
];

for (const [title, share, processes, amount] of runs) {
  test(`${title}: the rate holds in the long run`, async () => {
    const zone = new Zone();
    const buckets = Array.from({ length: processes }, () => zone.bucket(share));
    const seconds = 60;
    const got = await through(zone, buckets, amount, seconds);
    assert.ok(got <= share * (seconds + 1) + amount * processes, `${got} of ${share * seconds}`);
    assert.ok(got >= share * seconds * 0.85, `${got} of ${share * seconds}`);
  });
}

test('below the limit nothing is refused, and what is used is settled ten times a second', async () => {
  const zone = new Zone();
  const bucket = zone.bucket(10_000);
  assert.equal(await through(zone, [bucket], 50, 10), 50 * 1_000);
  assert.ok(zone.settled <= 101, String(zone.settled));
});

test('a request beyond the share closes the bucket at once, for as long as its debt takes', async () => {
  const zone = new Zone();
  const bucket = zone.bucket(1_000);
  assert.equal(bucket.closedForMs(), 0);
  bucket.take(4_000);
  assert.ok(bucket.closedForMs() > 0);
  await zone.pass(20);
  assert.ok(bucket.closedForMs() > 3_500 && bucket.closedForMs() <= 4_000, String(bucket.closedForMs()));
  await zone.pass(3_000);
  assert.ok(bucket.closedForMs() > 0);
  await zone.pass(1_200);
  assert.equal(bucket.closedForMs(), 0);
});

test('a share of nothing is always closed', () => {
  assert.equal(new Zone().bucket(0).closedForMs(), 1_000);
});
