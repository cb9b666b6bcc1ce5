// Talks to running Node processes as a debugger does (Chrome DevTools protocol): SIGUSR1 makes a process listen for one.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

export interface NodeProcess {
  readonly name: string;
  readonly pid: number;
}

const startTimeoutMs = 10_000;

export class DebuggerSession {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (result: object) => void>();
  #calls = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      const { id, result } = JSON.parse(String(data)) as { id?: number; result: object };
      if (id === undefined) return;
      this.#waiting.get(id)?.(result);
      this.#waiting.delete(id);
    });
  }

  static async attach(pid: number): Promise<DebuggerSession> {
    process.kill(pid, 'SIGUSR1');
    for (const deadline = Date.now() + startTimeoutMs; ; await delay(50)) {
      const url = await debuggerUrl(pid);
      if (url) {
        const socket = new WebSocket(url);
        await new Promise((resolve, reject) => {
          socket.addEventListener('open', resolve);
          socket.addEventListener('error', reject);
        });
        return new DebuggerSession(socket);
      }
      if (Date.now() > deadline) throw new Error(`process ${pid} does not listen for a debugger`);
    }
  }

  call(method: string, params: object = {}): Promise<object> {
    const id = ++this.#calls;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  close(): void {
    this.#socket.close();
  }
}

/** Which of the ports that the process listens on is the debugger's is only known by asking. */
async function debuggerUrl(pid: number): Promise<string | undefined> {
  for (const port of listeningPorts(pid)) {
    try {
      const reply = await fetch(`http://127.0.0.1:${port}/json/list`, { signal: AbortSignal.timeout(500) });
      const [first] = (await reply.json()) as { webSocketDebuggerUrl?: string }[];
      if (first?.webSocketDebuggerUrl) return first.webSocketDebuggerUrl;
    } catch {
      // The API, or a database's port.
    }
  }
  return undefined;
}

function listeningPorts(pid: number): number[] {
  const sockets = new Set<string>();
  for (const descriptor of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${descriptor}`))?.[1];
      if (inode) sockets.add(inode);
    } catch {
      // Closed between the listing and the look.
    }
  }
  // Local address as hexadecimal address:port in the 2nd column, state in the 4th (0A: listening), inode in the 10th.
  const rows = readFileSync(`/proc/${pid}/net/tcp`, 'latin1').split('\n').slice(1);
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter((row) => row[3] === '0A' && sockets.has(row[9]!))
    .map((row) => Number.parseInt(row[1]!.split(':')[1]!, 16));
}
