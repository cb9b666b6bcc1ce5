// Everything of one region.

import { CfnParameter, Stack, type StackProps } from 'aws-cdk-lib';
import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { HostedZone } from 'aws-cdk-lib/aws-route53';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { CfnParameter as SsmParameter } from 'aws-cdk-lib/aws-ssm';
import type { Construct } from 'constructs';
import { Balancer } from './balancer.ts';
import { Cache } from './cache.ts';
import { Dashboard } from './dashboard.ts';
import { ApiFleet, WorkerFleet } from './fleets.ts';
import { Hosts } from './hosts.ts';
import { Identity } from './instance.ts';
import { Network } from './network.ts';
import { agentStatements, apiStatements, type ProcessKind, workerStatements } from './permissions.ts';
import { objectStores, ports, regionVariables } from './processes.ts';
import { Queues } from './queues.ts';
import type { Deployment, RegionSettings } from './regions.ts';
import { Secrets } from './secrets.ts';
import { apiDomain, imageParameter, objectsBucket } from './stack-names.ts';
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
    /** Registry, repository and digest, by kind of process: `npm run deploy -- --image` sets all, `npm run ops -- hosts roll` reads the agent's. */
    const image = new CfnParameter(this, 'Image', {
      description: 'Image of all processes, by its digest',
      allowedPattern: '.+@sha256:[0-9a-f]{64}',
    });
    for (const kind of ['api', 'worker', 'agent'] as const)
      new SsmParameter(this, `Image-${kind}`, {
        name: imageParameter(kind),
        type: 'String',
        value: image.valueAsString,
      });

    const operators = new Topic(this, 'Operators', { displayName: `tsg alarms, ${region}`, enforceSSL: true });
    operators.addSubscription(new EmailSubscription(deployment.operatorsEmail));
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
    };
    const environment = regionVariables(this, region, deployment);
    const told = (kind: ProcessKind): Record<string, string> => ({
      AWS_DEFAULT_REGION: region,
      IMAGE_PARAMETER: imageParameter(kind),
      LOGGLY_SECRET: secrets.get('logglyToken').secretName,
    });
    const redis = {
      REDIS_HOSTS: Object.entries(cache.hosts)
        .map((entry) => entry.join('='))
        .join(','),
      REDIS_SECRET: secrets.get('redisPassword').secretName,
      NEW_RELIC_SECRET: secrets.get('newRelicLicenseKey').secretName,
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
      scripts: ['common.sh', 'redis.sh', 'api.sh'],
      settings: { ...told('api'), ...redis, ADMIN_SECRET: secrets.get('adminToken').secretName },
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
        secrets.get('redisPassword'),
        secrets.get('newRelicLicenseKey'),
        secrets.get('logglyToken'),
      ]),
      scripts: ['common.sh', 'redis.sh', 'worker.sh'],
      settings: { ...told('worker'), ...redis, AGENT_SECRET: secrets.get('agentSecret').secretName },
      environment: { ...environment, TSG_OBJECT_STORES: objectStores(deployment) },
    });
    const hosts = new Hosts(this, 'Hosts', {
      network,
      operators,
      slots: settings.slots,
      securityGroup: network.hosts,
      identity: identity('Hosts', agentStatements(permissions), [
        secrets.get('agentSecret'),
        secrets.get('qLicence'),
        secrets.get('logglyToken'),
      ]),
      settings: {
        ...told('agent'),
        AGENT_SECRET: secrets.get('agentSecret').secretName,
        Q_LICENCE_SECRET: secrets.get('qLicence').secretName,
        Q_ARCHIVE: '',
      },
      environment: { ...environment, TSG_AGENT_PORT: String(ports.agent) },
    });
    new Dashboard(this, 'Watch', { region, operators, balancer, api, workers, hosts, queues, cache });
  }

  /** As the settings name them: nothing is looked up. */
  override get availabilityZones(): string[] {
    return [...this.#zones];
  }
}
