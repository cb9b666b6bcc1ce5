/** Bytes that are no q IPC message, or a value that cannot be sent as one. */
export class CodecError extends Error {}

/** The value would make a message that no peer takes. */
export class MessageTooLong extends CodecError {
  readonly limitBytes: number;
  constructor(bytes: number, limitBytes: number) {
    super(`a message of ${bytes} bytes is longer than ${limitBytes}`);
    this.limitBytes = limitBytes;
  }
}
