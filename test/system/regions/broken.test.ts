// Three regions of which every part fails: started once for all that is done to them.

import { after } from 'node:test';
import './random.ts';
import './faults.ts';
import { stopWorld } from './world.ts';

after(stopWorld);
