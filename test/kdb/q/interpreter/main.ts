// usage: [TSG_Q_OTHERWISE=1] main.ts NAME [FILE] [-option …]: one q process, called NAME [basics/cmdline]; otherwise: with the other readings of lists.ts.

import { apply } from './apply.ts';
import { createMachine, evaluate, load } from './interpreter.ts';
import { collapse, readings } from './lists.ts';
import { fail } from './values.ts';
import { readCommandLine } from './world/command-line.ts';
import { QProcess } from './world/process.ts';

const [name = 'q', ...given] = process.argv.slice(2);
const machine = createMachine();
readings.doesDoubtSignal = true;
if (process.env['TSG_Q_OTHERWISE']) {
  readings.doesTakeCollapse = false;
  readings.areEmptyGroupsTyped = true;
}
let deadlineMs = Number.POSITIVE_INFINITY;
machine.tick = () => {
  if (performance.now() > deadlineMs) fail('stop');
};

const q = new QProcess(
  {
    machine,
    apply,
    collapse,
    load: (text) => load(machine, text),
    functions: {
      primitive: (_, word) => machine.words.get(word) ?? fail(`nyi ${word}`),
      lambda(namespace, source) {
        const former = machine.namespace;
        machine.namespace = namespace === '' ? '' : `.${namespace}`;
        try {
          return evaluate(machine, source);
        } finally {
          machine.namespace = former;
        }
      },
    },
    deadline(atMs) {
      deadlineMs = atMs;
    },
  },
  readCommandLine(given),
  [name, ...given],
);
process.on('SIGTERM', () => q.exit(0));
try {
  q.start();
} catch (error) {
  q.complain(error);
  process.exitCode = 1;
}
