// A poll whose client was killed would still be given messages, which nobody sees until their visibility runs out. They are given back.

import type { buildApp } from 'fauxqs';

type App = ReturnType<typeof buildApp>;

const target = 'x-amz-target';

interface Received {
  readonly Messages?: readonly { readonly ReceiptHandle: string }[];
}

/** Before the first request. */
export function returnFromDeadPolls(app: App): void {
  app.addHook('onSend', async ({ headers, body, raw }, _reply, payload) => {
    if (headers[target] !== 'AmazonSQS.ReceiveMessage' || raw.socket.writable) return;
    const { Messages = [] } = JSON.parse(String(payload)) as Received;
    if (Messages.length === 0) return;
    const { QueueUrl } = (typeof body === 'string' ? JSON.parse(body) : body) as { readonly QueueUrl: string };
    const Entries = Messages.map(({ ReceiptHandle }, i) => ({ Id: String(i), ReceiptHandle, VisibilityTimeout: 0 }));
    const { 'content-length': _length, ...same } = headers;
    await app.inject({
      method: 'POST',
      url: '/',
      headers: { ...same, [target]: 'AmazonSQS.ChangeMessageVisibilityBatch' },
      payload: JSON.stringify({ QueueUrl, Entries }),
    });
  });
}
