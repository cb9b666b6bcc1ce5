import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionShares } from '../../kdb/agent/connection-shares.ts';

/** Who asks, with so many connections; what it is granted. */
type Step = readonly [asker: string, used: number, granted: number];

const stories: readonly (readonly [what: string, available: number, steps: readonly Step[]])[] = [
  ['one has all', 6, [['a', 0, 6]]],
  [
    'the second one waits until the first has let go',
    6,
    [
      ['a', 0, 6],
      ['b', 0, 0],
      ['a', 5, 3],
      ['b', 0, 1],
      ['a', 3, 3],
      ['b', 1, 3],
    ],
  ],
  [
    'what is not used is free at the next question',
    6,
    [
      ['a', 0, 6],
      ['b', 0, 0],
      ['a', 0, 3],
      ['b', 0, 3],
    ],
  ],
  [
    'what is left over goes to the first',
    7,
    [
      ['a', 0, 7],
      ['b', 0, 0],
      ['c', 0, 0],
      ['a', 0, 3],
      ['b', 0, 2],
      ['c', 0, 2],
    ],
  ],
  [
    'more than there are connections',
    2,
    [
      ['a', 0, 2],
      ['b', 0, 0],
      ['c', 0, 0],
      ['a', 1, 1],
      ['b', 0, 1],
      ['c', 0, 0],
    ],
  ],
  [
    'who leaves makes room',
    2,
    [
      ['a', 0, 2],
      ['b', 0, 0],
      ['a', -1, 0],
      ['b', 0, 2],
    ],
  ],
];

for (const [what, available, steps] of stories) {
  test(what, () => {
    const shares = new ConnectionShares(available, () => 0);
    const askers = new Map(steps.map(([name]) => [name, { name }]));
    for (const [name, used, granted] of steps) {
      if (used < 0) shares.leave(askers.get(name)!);
      else assert.equal(shares.ask(askers.get(name)!, used), granted, `${name} with ${used}`);
    }
  });
}

test('who asks no more is forgotten', () => {
  let nowMs = 0;
  const shares = new ConnectionShares(6, () => nowMs);
  const [a, b] = [{}, {}];
  assert.equal(shares.ask(a, 6), 6);
  nowMs = 4_000;
  assert.equal(shares.ask(b, 0), 0);
  nowMs = 6_000;
  assert.equal(shares.ask(b, 0), 6);
});

test('never is more granted than there is, whoever asks when', () => {
  const shares = new ConnectionShares(6, () => 0);
  const held = new Map<object, number>();
  const askers = Array.from({ length: 9 }, () => ({}));
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((seed / 2_147_483_648) * below);
  };
  for (let i = 0; i < 5_000; i++) {
    const asker = askers[random(askers.length)]!;
    // It has no more than it was granted, and closes what it does not use.
    const used = random((held.get(asker) ?? 0) + 1);
    held.set(asker, Math.max(used, shares.ask(asker, used)));
    const all = [...held.values()].reduce((sum, each) => sum + each, 0);
    assert.ok(all <= 6, `${all} of 6`);
  }
});
