// The public address of a region: TLS, a load balancer over the zones, a rate rule before it.

import { Duration } from 'aws-cdk-lib';
import { Certificate, CertificateValidation } from 'aws-cdk-lib/aws-certificatemanager';
import { SubnetType } from 'aws-cdk-lib/aws-ec2';
import {
  type ApplicationListener,
  ApplicationLoadBalancer,
  ApplicationProtocol,
  ApplicationTargetGroup,
  ListenerAction,
  SslPolicy,
  TargetGroupLoadBalancingAlgorithmType,
} from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import { CfnHealthCheck, CfnRecordSet, type IHostedZone } from 'aws-cdk-lib/aws-route53';
import type { Bucket, IBucket } from 'aws-cdk-lib/aws-s3';
import { CfnWebACL, CfnWebACLAssociation } from 'aws-cdk-lib/aws-wafv2';
import { Construct } from 'constructs';
import type { Network } from './network.ts';
import { ports } from './processes.ts';

/** The balancer's; Node keeps its side open longer (src/server.ts), so that it never closes a connection on which a request is coming. */
export const idleTimeoutS = 60;
/** Requests end in that time: the longest call of a database has 30 s. */
export const drainS = 45;
/** Of the firewall, and of its figures. */
export const firewallName = 'tsg-firewall';
/** From one address, in five minutes: a client that writes small batches without a pause sends some 500 a second. */
const maxRequestsPer5Minutes = 300_000;

export interface BalancerProps {
  readonly network: Network;
  readonly hostName: string;
  readonly zone: IHostedZone;
  readonly logs: Bucket;
}

export class Balancer extends Construct {
  readonly balancer: ApplicationLoadBalancer;
  readonly listener: ApplicationListener;
  readonly targets: ApplicationTargetGroup;

  constructor(scope: Construct, id: string, { network, hostName, zone, logs }: BalancerProps) {
    super(scope, id);
    this.balancer = new ApplicationLoadBalancer(this, 'Balancer', {
      vpc: network.vpc,
      vpcSubnets: { subnetType: SubnetType.PUBLIC },
      internetFacing: true,
      securityGroup: network.balancer,
      idleTimeout: Duration.seconds(idleTimeoutS),
      dropInvalidHeaderFields: true,
      deletionProtection: true,
    });
    this.balancer.logAccessLogs(logs as IBucket, 'balancer');
    this.targets = new ApplicationTargetGroup(this, 'Api', {
      vpc: network.vpc,
      port: ports.api,
      protocol: ApplicationProtocol.HTTP,
      deregistrationDelay: Duration.seconds(drainS),
      // Requests take from a millisecond to half a minute.
      loadBalancingAlgorithmType: TargetGroupLoadBalancingAlgorithmType.LEAST_OUTSTANDING_REQUESTS,
      healthCheck: {
        path: '/health',
        interval: Duration.seconds(5),
        timeout: Duration.seconds(3),
        healthyThresholdCount: 2,
        unhealthyThresholdCount: 3,
      },
    });
    const certificate = new Certificate(this, 'Certificate', {
      domainName: hostName,
      validation: CertificateValidation.fromDns(zone),
    });
    this.listener = this.balancer.addListener('Https', {
      port: 443,
      protocol: ApplicationProtocol.HTTPS,
      sslPolicy: SslPolicy.TLS13_RES,
      certificates: [certificate],
      defaultTargetGroups: [this.targets],
      open: false,
    });
    this.balancer.addListener('Http', {
      port: 80,
      open: false,
      defaultAction: ListenerAction.redirect({ protocol: 'HTTPS', port: '443', permanent: true }),
    });
    this.#rateRule();
    this.#address(hostName, zone);
  }

  /** By address only: rules that look into bodies would refuse writes, and read the first 64 KB of each. Accounts have limits of their own. */
  #rateRule(): void {
    const visibility = (metricName: string): CfnWebACL.VisibilityConfigProperty => ({
      metricName,
      cloudWatchMetricsEnabled: true,
      sampledRequestsEnabled: false,
    });
    const acl = new CfnWebACL(this, 'Firewall', {
      name: firewallName,
      scope: 'REGIONAL',
      defaultAction: { allow: {} },
      visibilityConfig: visibility(firewallName),
      rules: [
        {
          name: 'rate',
          priority: 0,
          action: {
            block: { customResponse: { responseCode: 429, responseHeaders: [{ name: 'Retry-After', value: '60' }] } },
          },
          statement: { rateBasedStatement: { limit: maxRequestsPer5Minutes, aggregateKeyType: 'IP' } },
          visibilityConfig: visibility(`${firewallName}-rate`),
        },
      ],
    });
    new CfnWebACLAssociation(this, 'FirewallOfBalancer', {
      resourceArn: this.balancer.loadBalancerArn,
      webAclArn: acl.attrArn,
    });
  }

  #address(hostName: string, zone: IHostedZone): void {
    const check = new CfnHealthCheck(this, 'Check', {
      healthCheckConfig: {
        type: 'HTTPS',
        fullyQualifiedDomainName: hostName,
        resourcePath: '/ready',
        port: 443,
        requestInterval: 10,
        failureThreshold: 3,
        enableSni: true,
      },
    });
    new CfnRecordSet(this, 'Address', {
      name: hostName,
      type: 'A',
      hostedZoneId: zone.hostedZoneId,
      aliasTarget: {
        dnsName: this.balancer.loadBalancerDnsName,
        hostedZoneId: this.balancer.loadBalancerCanonicalHostedZoneId,
        evaluateTargetHealth: true,
      },
      healthCheckId: check.attrHealthCheckId,
      // A record may have a health check only where it is one of several.
      setIdentifier: hostName,
      weight: 100,
    });
  }
}
