// Health check of a container, whose image has neither curl nor wget: ends with 0 when the address answers with 2xx.
// Usage: node infra/compose/answers.ts <url>

const response = await fetch(process.argv[2]!, { signal: AbortSignal.timeout(2_500) });
if (!response.ok) {
  console.error(`${response.status} ${await response.text()}`);
  process.exit(1);
}
