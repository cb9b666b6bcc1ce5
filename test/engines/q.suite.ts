// The behaviour suite on real q: `TSG_Q=/opt/kx/q/l64/q npm run test:kdb`. Without TSG_Q it says what it could not run, and succeeds.
import { qBehaves } from './q-process.ts';

qBehaves('q', process.env['TSG_Q']);
