// Objects of a region: backups, shipped journals, imports, exports, queued batches; and the logs of who asked for what.

import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { BlockPublicAccess, Bucket, BucketEncryption, type IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { batchesKeptDays, batchPrefixes } from '../../src/ingest/batch-name.ts';

export class Storage extends Construct {
  readonly objects: Bucket;
  readonly logs: Bucket;

  constructor(scope: Construct, id: string, { objectsName }: { readonly objectsName: string }) {
    super(scope, id);
    const common = {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      removalPolicy: RemovalPolicy.RETAIN,
    };
    this.logs = new Bucket(this, 'Logs', {
      ...common,
      lifecycleRules: [{ expiration: Duration.days(90) }],
    });
    this.objects = new Bucket(this, 'Objects', {
      ...common,
      bucketName: objectsName,
      // What a worker removes by mistake can be had back for a while.
      versioned: true,
      serverAccessLogsBucket: this.logs as IBucket,
      serverAccessLogsPrefix: 'objects/',
      lifecycleRules: [
        {
          noncurrentVersionExpiration: Duration.days(14),
          // Else what was removed would be in every list for ever.
          expiredObjectDeleteMarker: true,
          abortIncompleteMultipartUploadAfter: Duration.days(8),
        },
        // Workers remove these earlier (workers/file-expiry.ts); this is for what they never heard of.
        { prefix: 'exports/', expiration: Duration.days(10) },
        { prefix: 'imports/', expiration: Duration.days(100) },
        // Several a second for each database, and a marker goes as soon as its batch is written: removed ones are not kept.
        ...Object.values(batchPrefixes).map((prefix) => ({
          prefix,
          expiration: Duration.days(batchesKeptDays + 1),
          noncurrentVersionExpiration: Duration.days(1),
        })),
      ],
    });
  }
}
