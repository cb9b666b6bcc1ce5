// Three regions of which nothing fails but the way to home: started once for all that is asked of them.

import { after } from 'node:test';
import './reads.ts';
import './placement.ts';
import { stopWorld } from './world.ts';

after(stopWorld);
