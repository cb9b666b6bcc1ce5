// `npm run deploy -- --region eu-west-1 --image sha256:…`: the global stack first, whose domain the region's stack has to be told, then the region's.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { deployment } from './stacks/regions.ts';
import { globalStackName, regionStackName } from './stacks/stack-names.ts';

const cdk = join(import.meta.dirname, '..', 'node_modules', 'aws-cdk', 'bin', 'cdk');

interface Wish {
  readonly region?: string;
  readonly image?: string;
  readonly diff?: true;
}

const names = deployment.regions.map(({ name }) => name);
const program = new Command('npm run deploy --')
  .description('Deploys the global stack, where it has changes, and a region.')
  .addOption(new Option('--region <name>', 'without it, the global stack alone').choices(names))
  .option('--image <image>', "its digest, sha256:…, in the region's repository; without it, the one that runs")
  .option('--diff', 'shows what would change, and changes nothing')
  .parse();
const { region, image, diff } = program.opts<Wish>();
const folder = mkdtempSync(join(tmpdir(), 'tsg-deploy-'));
const outputs = join(folder, 'outputs.json');
try {
  const global = [globalStackName, '--exclusively'];
  if (diff)
    process.exitCode = await run(['diff', ...global, ...(region === undefined ? [] : [regionStackName(region)])]);
  else {
    process.exitCode = await run(['deploy', ...global, '--outputs-file', outputs]);
    if (process.exitCode === 0 && region !== undefined)
      process.exitCode = await run(['deploy', ...regionArguments(region)]);
  }
} finally {
  rmSync(folder, { recursive: true });
}

/** Parameters that are not given stay as they are. */
function regionArguments(name: string): string[] {
  const stack = regionStackName(name);
  const { HostedZoneId } = (JSON.parse(readFileSync(outputs, 'utf8')) as Record<string, Record<string, string>>)[
    globalStackName
  ]!;
  const parameters = [
    `${stack}:HostedZoneId=${HostedZoneId}`,
    ...(image === undefined ? [] : [`${stack}:ImageDigest=${image}`]),
  ];
  return [stack, '--exclusively', ...parameters.flatMap((parameter) => ['--parameters', parameter])];
}

async function run(args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [cdk, ...args], { cwd: import.meta.dirname, stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}
