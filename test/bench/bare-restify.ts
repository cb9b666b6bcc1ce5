// What restify alone does with a request: the yardstick for what authentication, log and routes of ours add. Usage: bare-restify.ts <port> <body>
import restify, { type Request, type Response } from 'restify';

const [port, body] = process.argv.slice(2);
const reply: unknown = JSON.parse(body!);

const server = restify.createServer();
server.get('/', async (_request: Request, response: Response) => {
  response.send(200, reply);
});
server.listen(Number(port), '127.0.0.1');
process.stdin.on('end', () => process.exit(0)).resume();
