/** What the database has cannot be said in the format asked for. */
export class NotExportable extends Error {}
