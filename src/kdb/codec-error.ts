/** Bytes that are no q IPC message, or a value that cannot be sent as one. */
export class CodecError extends Error {}
