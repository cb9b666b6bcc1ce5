// The behaviour suite on kdb/q, run by our interpreter of q.
import { interpreter, qBehaves } from './q-process.ts';

qBehaves('kdb/q', interpreter);
