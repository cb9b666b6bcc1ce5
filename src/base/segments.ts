// Parts of requests and tasks, for whoever watches the process from outside. Nobody does unless an entry point says so; then this costs a call.

export interface Watcher {
  /** The request at hand is one of that route. */
  nameRequest(route: string): void;
  /** Work that no request asked for. */
  task<Result>(name: string, run: () => Promise<Result>): Promise<Result>;
  /** A part of either. */
  segment<Result>(name: string, run: () => Promise<Result>): Promise<Result>;
}

const nobody: Watcher = {
  nameRequest() {},
  task: (_name, run) => run(),
  segment: (_name, run) => run(),
};

let watcher = nobody;

export function watchSegments(by: Watcher): void {
  watcher = by;
}

export function nameRequest(route: string): void {
  watcher.nameRequest(route);
}

export function inTask<Result>(name: string, run: () => Promise<Result>): Promise<Result> {
  return watcher.task(name, run);
}

export function inSegment<Result>(name: string, run: () => Promise<Result>): Promise<Result> {
  return watcher.segment(name, run);
}
