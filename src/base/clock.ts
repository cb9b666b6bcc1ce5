/** How far the running clock may be from the system's before it is set again (the system's was corrected, or the machine slept). */
const maxDriftMs = 2;

/** Nanoseconds since 1970: the system's clock, with the process's own counter below its milliseconds, so that two calls differ. */
export function createClock(): () => bigint {
  let offsetMs = Date.now() - performance.now();
  return () => {
    const counterMs = performance.now();
    const systemMs = Date.now();
    if (Math.abs(offsetMs + counterMs - systemMs) > maxDriftMs) offsetMs = systemMs - counterMs;
    return BigInt(Math.round((offsetMs + counterMs) * 1000)) * 1000n;
  };
}
