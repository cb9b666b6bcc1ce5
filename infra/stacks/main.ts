// The CDK app: one global stack in the home region, one stack for each region. Nothing is looked up, so that it synthesises without an account.

import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { buildApp, featureFlags } from './app.ts';

const { CDK_OUTDIR: outdir = join(import.meta.dirname, '..', 'cdk.out'), CDK_DEFAULT_ACCOUNT: account } = process.env;

buildApp(new App({ outdir, context: featureFlags }), { account }).synth();
