import { type App, Tags, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { acknowledge } from './acknowledgements.ts';
import { GlobalStack } from './global-stack.ts';
import { RegionStack } from './region-stack.ts';
import { type Deployment, deployment as deployed } from './regions.ts';
import { globalStackName, regionStackName } from './stack-names.ts';

/** How CDK behaves: here and not in cdk.json, so that templates are the same whoever asks for them. */
export const featureFlags: Readonly<Record<string, boolean>> = {
  '@aws-cdk/aws-iam:minimizePolicies': true,
  '@aws-cdk/core:checkSecretUsage': true,
  '@aws-cdk/aws-ec2:launchTemplateDefaultUserData': true,
  '@aws-cdk/aws-ec2:restrictDefaultSecurityGroup': true,
  '@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy': true,
  '@aws-cdk/aws-autoscaling:generateLaunchTemplateInsteadOfLaunchConfig': true,
  '@aws-cdk/aws-secretsmanager:useAttachedSecretResourcePolicyForSecretTargetAttachments': true,
};

export interface AppSettings {
  readonly deployment?: Deployment;
  /** Undefined: whichever it is deployed to. */
  readonly account?: string | undefined;
}

export function buildApp(app: App, { deployment = deployed, account }: AppSettings = {}): App {
  const env = (region: string) => ({ region, ...(account !== undefined && { account }) });
  new GlobalStack(app, globalStackName, { deployment, env: env(deployment.homeRegion), terminationProtection: true });
  for (const settings of deployment.regions)
    new RegionStack(app, regionStackName(settings.name), {
      deployment,
      settings,
      env: env(settings.name),
      terminationProtection: true,
    });
  acknowledge(app, deployment, account);
  Tags.of(app).add('service', 'tsg');
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return app;
}
