// Everything of one region.

import { Aws, CfnParameter, Stack, type StackProps } from 'aws-cdk-lib';
import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { HostedZone } from 'aws-cdk-lib/aws-route53';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { CfnParameter as SsmParameter } from 'aws-cdk-lib/aws-ssm';
import type { Construct } from 'constructs';
import { hostGroupPrefix, newRelic } from '../../src/base/names.ts';
import { operatorsTopic } from './alarms.ts';
import { Balancer } from './balancer.ts';
import { Cache } from './cache.ts';
import { Dashboard } from './dashboard.ts';
import { ApiFleet, WorkerFleet } from './fleets.ts';
import { Hosts } from './hosts.ts';
import { Identity } from './instance.ts';
import { Network } from './network.ts';
import { agentStatements, apiStatements, workerStatements } from './permissions.ts';
import { objectStores, ports, regionVariables } from './processes.ts';
import { Queues } from './queues.ts';
import type { Deployment, RegionSettings } from './regions.ts';
import { Secrets } from './secrets.ts';
import { agentImageParameter, apiDomain, imageRepository, objectsBucket, secretNames } from './stack-names.ts';
import { Storage } from './storage.ts';

export interface RegionStackProps extends StackProps {
  readonly deployment: Deployment;
  readonly settings: RegionSettings;
}

export class RegionStack extends Stack {
  readonly #zones: readonly string[];

  constructor(scope: Construct, id: string, props: RegionStackProps) {
    super(scope, id, props);
    const { deployment, settings } = props;
    const { name: region } = settings;
    const { homeRegion, domain } = deployment;
    this.#zones = settings.zones;
    const hostedZoneId = new CfnParameter(this, 'HostedZoneId', {
      description: 'Of the domain; an output of tsg-global',
    });
    const digest = new CfnParameter(this, 'ImageDigest', {
      description: 'Of the image of all processes, in the repository of this region',
      allowedPattern: 'sha256:[0-9a-f]{64}',
    });
    const image = `${this.account}.dkr.ecr.${region}.${Aws.URL_SUFFIX}/${imageRepository}@${digest.valueAsString}`;
    // API nodes and workers are told theirs, so that another one replaces them; hosts read it when they start: `npm run ops -- hosts roll`.
    new SsmParameter(this, 'AgentImage', { name: agentImageParameter, type: 'String', value: image });

    const operators = operatorsTopic(this, `tsg alarms, ${region}`, deployment.operatorsEmail);
    const network = new Network(this, 'Network', settings);
    const storage = new Storage(this, 'Storage', { objectsName: objectsBucket(this.account, region) });
    const secrets = new Secrets(this, 'Secrets');
    const cache = new Cache(this, 'Cache', {
      zones: settings.zones,
      nodeType: settings.cacheNodeType,
      network,
      password: secrets.get('redisPassword'),
    });
    const queues = new Queues(this, 'Queues', { region, homeRegion, operators });
    const hostName = apiDomain(region, domain);
    const zone = HostedZone.fromHostedZoneAttributes(this, 'Zone', {
      hostedZoneId: hostedZoneId.valueAsString,
      zoneName: domain,
    });
    const balancer = new Balancer(this, 'Front', { network, hostName, zone, logs: storage.logs });

    const permissions = {
      stack: this as Stack,
      region,
      homeRegion,
      regions: deployment.regions.map(({ name }) => name),
      qArchive: deployment.q?.archive,
    };
    const environment = regionVariables(this, region, deployment);
    const figureLines = { TSG_CLOUDWATCH_FIGURES: '1' };
    const told = { AWS_DEFAULT_REGION: region, LOGGLY_SECRET: secretNames.logglyToken };
    const nodes = {
      IMAGE: image,
      REDIS_HOSTS: Object.entries(cache.hosts)
        .map((entry) => entry.join('='))
        .join(','),
      REDIS_SECRET: secretNames.redisPassword,
      NEW_RELIC_SECRET: secretNames.newRelicLicenseKey,
      NEW_RELIC_FLAGS: newRelic.flags.join(' '),
      NEW_RELIC_SETTINGS: Object.entries({ ...newRelic.variables, NEW_RELIC_LABELS: `region:${region}` })
        .map((entry) => entry.join('='))
        .join(' '),
    };
    const identity = (kind: string, statements: readonly PolicyStatement[], secretsOf: readonly ISecret[]): Identity =>
      new Identity(this, `${kind}Identity`, {
        statements,
        secrets: secretsOf,
        logGroup: `/tsg/${region}/${kind.toLowerCase()}`,
      });
    const api = new ApiFleet(this, 'Api', {
      network,
      operators,
      fleet: settings.api,
      securityGroup: network.api,
      targets: balancer.targets,
      identity: identity('Api', apiStatements(permissions), [
        secrets.get('adminToken'),
        secrets.get('redisPassword'),
        secrets.get('newRelicLicenseKey'),
        secrets.get('logglyToken'),
      ]),
      scripts: ['common.sh', 'redis.sh', 'new-relic.sh', 'api.sh'],
      settings: { ...told, ...nodes, ADMIN_SECRET: secretNames.adminToken },
      environment: { ...environment, PORT: String(ports.api), TSG_TRUSTED_PROXIES: '1' },
    });
    const workers = new WorkerFleet(this, 'Workers', {
      network,
      operators,
      fleet: settings.workers,
      securityGroup: network.workers,
      queues: [queues.tasks, queues.bulk, queues.ingest],
      identity: identity('Workers', workerStatements(permissions), [
        secrets.get('agentSecret'),
        secrets.get('canaryToken'),
        secrets.get('redisPassword'),
        secrets.get('newRelicLicenseKey'),
        secrets.get('logglyToken'),
      ]),
      scripts: ['common.sh', 'redis.sh', 'new-relic.sh', 'worker.sh'],
      settings: { ...told, ...nodes, AGENT_SECRET: secretNames.agentSecret, CANARY_SECRET: secretNames.canaryToken },
      environment: {
        ...environment,
        ...figureLines,
        TSG_OBJECT_STORES: objectStores(deployment),
        TSG_HOST_GROUPS: hostGroupPrefix,
      },
    });
    const hosts = new Hosts(this, 'Hosts', {
      network,
      operators,
      slots: settings.slots,
      q: deployment.q,
      securityGroup: network.hosts,
      identity: identity('Hosts', agentStatements(permissions), [
        secrets.get('agentSecret'),
        secrets.get('qLicence'),
        secrets.get('logglyToken'),
      ]),
      settings: {
        ...told,
        IMAGE_PARAMETER: agentImageParameter,
        AGENT_SECRET: secretNames.agentSecret,
        Q_LICENCE_SECRET: secretNames.qLicence,
      },
      environment: { ...environment, ...figureLines, TSG_AGENT_PORT: String(ports.agent) },
    });
    new Dashboard(this, 'Watch', { region, operators, balancer, api, workers, hosts, queues, cache });
  }

  /** As the settings name them: nothing is looked up. */
  override get availabilityZones(): string[] {
    return [...this.#zones];
  }
}
