/** The file is not what it says, or has what is not read. The message goes on a sentence. */
export class Damaged extends Error {}
