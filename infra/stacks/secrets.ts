// Secrets of a region. Those that come from elsewhere are made empty, and filled in by hand (infra/README.md); an empty one turns off what it is for.

import { RemovalPolicy, SecretValue } from 'aws-cdk-lib';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { secretNames } from './stack-names.ts';

type SecretName = keyof typeof secretNames;

const generated: readonly SecretName[] = ['adminToken', 'agentSecret', 'redisPassword'];

export class Secrets extends Construct {
  readonly #secrets: ReadonlyMap<SecretName, Secret>;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    const names = Object.keys(secretNames) as SecretName[];
    this.#secrets = new Map(
      names.map((name) => [
        name,
        new Secret(this, name, {
          secretName: secretNames[name],
          removalPolicy: RemovalPolicy.RETAIN,
          ...(generated.includes(name)
            ? { generateSecretString: { passwordLength: 48, excludePunctuation: true } }
            : { secretStringValue: SecretValue.unsafePlainText('none') }),
        }),
      ]),
    );
  }

  get(name: SecretName): ISecret {
    return this.#secrets.get(name)! as ISecret;
  }
}
