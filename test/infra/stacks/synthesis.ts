// Deployments that are small enough to be synthesised in a test, and what comes of it.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Validations } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { buildApp, featureFlags } from '../../../infra/stacks/app.ts';
import type { Deployment, RegionSettings } from '../../../infra/stacks/regions.ts';

export interface Synthesis {
  readonly templates: ReadonlyMap<string, Template>;
  /** What cdk-nag and CDK's own rules found and nobody acknowledged: rule and place. */
  readonly findings: readonly string[];
  /** Rules by which something found was acknowledged, and all that are acknowledged. */
  readonly needed: ReadonlySet<string>;
  readonly acknowledged: ReadonlySet<string>;
  /** What CDK would have to ask AWS for. */
  readonly missing: readonly unknown[];
}

/** Two zones, a host slot in the first of them. */
export function regionOf(name: string, place: number): RegionSettings {
  const fleet = { instanceType: 'c7g.large', min: 2, max: 4 };
  return {
    name,
    zones: [`${name}a`, `${name}b`],
    cidr: `10.${place}.0.0/16`,
    ...{ api: fleet, workers: fleet, cacheNodeType: 'cache.t4g.small' },
    slots: [{ zone: `${name}a`, count: 1, hostClass: 'standard' }],
  };
}

export function deploymentOf(...regions: readonly RegionSettings[]): Deployment {
  return {
    domain: 'tsg.test',
    homeRegion: 'eu-west-1',
    standbyRegion: 'eu-central-1',
    operatorsEmail: 'operators@tsg.test',
    q: { archive: 's3://private-bucket/q.tar.gz', readers: 1, connections: 100, threads: 4 },
    regions,
  };
}

interface Report {
  readonly pluginReports: readonly {
    readonly violations: readonly Violation[];
    readonly suppressedViolations?: readonly (Violation & { readonly acknowledgedId: string })[];
  }[];
}

interface Violation {
  readonly ruleName: string;
  readonly violatingConstructs: readonly { readonly constructPath: string }[];
}

export function synthesise(deployment: Deployment, account?: string): Synthesis {
  const outdir = mkdtempSync(join(tmpdir(), 'tsg-synth-'));
  const { exitCode } = process;
  try {
    const app = buildApp(new App({ outdir, context: featureFlags }), { deployment, account });
    const { stacks, manifest } = app.synth();
    const { pluginReports } = JSON.parse(readFileSync(join(outdir, 'validation-report.json'), 'utf8')) as Report;
    return {
      templates: new Map(stacks.map(({ stackName, template }) => [stackName, Template.fromJSON(template)])),
      findings: pluginReports.flatMap(({ violations }) =>
        violations.flatMap(({ ruleName, violatingConstructs }) =>
          violatingConstructs.map(({ constructPath }) => `${ruleName} ${constructPath}`),
        ),
      ),
      needed: new Set(
        pluginReports.flatMap(({ suppressedViolations = [] }) =>
          suppressedViolations.map(({ acknowledgedId }) => acknowledgedId),
        ),
      ),
      acknowledged: new Set(
        app.node.metadata
          .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
          .flatMap(({ data }) => Object.keys(data as object)),
      ),
      missing: manifest.missing ?? [],
    };
  } finally {
    // Findings set it; the test says so instead.
    process.exitCode = exitCode;
    rmSync(outdir, { recursive: true });
  }
}
