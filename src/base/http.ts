// node:http without the copy that an import of it makes of all that it exports: WebSocket is among that, and to read it loads undici,
// which takes 70 ms of processor time of a start.

export const { Agent, createServer, get } = process.getBuiltinModule('node:http');
