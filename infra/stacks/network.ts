// The network of a region: public subnets for the balancer, private ones for everything else, and who may talk to whom.

import {
  FlowLogDestination,
  GatewayVpcEndpointAwsService,
  InterfaceVpcEndpointAwsService,
  IpAddresses,
  type ISecurityGroup,
  type IVpc,
  Peer,
  Port,
  SecurityGroup,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { Construct } from 'constructs';
import { ports } from './processes.ts';

const interfaceEndpoints = {
  Sqs: InterfaceVpcEndpointAwsService.SQS,
  EcrApi: InterfaceVpcEndpointAwsService.ECR,
  EcrImages: InterfaceVpcEndpointAwsService.ECR_DOCKER,
  Ssm: InterfaceVpcEndpointAwsService.SSM,
  SsmMessages: InterfaceVpcEndpointAwsService.SSM_MESSAGES,
  Ec2Messages: InterfaceVpcEndpointAwsService.EC2_MESSAGES,
  Secrets: InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
} as const;

export class Network extends Construct {
  readonly vpc: IVpc;
  readonly balancer: SecurityGroup;
  readonly api: SecurityGroup;
  readonly workers: SecurityGroup;
  readonly hosts: SecurityGroup;
  readonly cache: SecurityGroup;

  constructor(
    scope: Construct,
    id: string,
    { cidr, zones }: { readonly cidr: string; readonly zones: readonly string[] },
  ) {
    super(scope, id);
    // CDK's own classes do not meet its interfaces under exactOptionalPropertyTypes.
    this.vpc = new Vpc(this, 'Vpc', {
      ipAddresses: IpAddresses.cidr(cidr),
      availabilityZones: [...zones],
      // Home's DynamoDB and SNS, New Relic, Loggly and imports over HTTPS leave through a zone's own, so that a zone that is lost takes no other along.
      natGateways: zones.length,
      subnetConfiguration: [
        { name: 'public', subnetType: SubnetType.PUBLIC, cidrMask: 24, mapPublicIpOnLaunch: false },
        { name: 'private', subnetType: SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 20 },
      ],
      gatewayEndpoints: {
        S3: { service: GatewayVpcEndpointAwsService.S3 },
        DynamoDb: { service: GatewayVpcEndpointAwsService.DYNAMODB },
      },
      flowLogs: { Rejected: { destination: FlowLogDestination.toCloudWatchLogs(), trafficType: 'REJECT' as never } },
    }) as IVpc;
    this.balancer = this.#group('Balancer', 'The load balancer: HTTPS from everywhere');
    this.api = this.#group('Api', 'API nodes: from the load balancer');
    this.workers = this.#group('Workers', 'Workers and replicators: nothing comes in');
    this.hosts = this.#group('Hosts', 'Database hosts: from API nodes and workers');
    this.cache = this.#group('Cache', 'Redis: from API nodes and workers');
    const endpoints = this.#group('Endpoints', 'Endpoints of AWS services: from inside the network');
    for (const [name, service] of Object.entries(interfaceEndpoints))
      this.vpc.addInterfaceEndpoint(name, { service, securityGroups: [endpoints], open: false });

    for (const port of [80, 443]) this.balancer.addIngressRule(Peer.anyIpv4(), Port.tcp(port), 'clients');
    allow(this.balancer, this.api, Port.tcp(ports.api));
    for (const client of [this.api, this.workers]) {
      allow(client, this.cache, Port.tcp(ports.redis));
      // The agent's control port is for workers; databases, and the agent's answers on synced journals, for both.
      allow(client, this.hosts, Port.tcpRange(ports.databases.from, ports.databases.to));
    }
    allow(this.workers, this.hosts, Port.tcp(ports.agent));
    for (const client of [this.api, this.workers, this.hosts]) allow(client, endpoints, Port.tcp(443));
  }

  #group(id: string, description: string): SecurityGroup {
    return new SecurityGroup(this, id, { vpc: this.vpc, description });
  }
}

function allow(from: ISecurityGroup, to: SecurityGroup, port: Port): void {
  to.addIngressRule(from, port);
}
