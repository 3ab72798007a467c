// Answers a POST with the digest and the size of its body; worker threads compute the digests.
'use strict';
const { createHash } = require('crypto');
const http = require('http');
const { Worker, isMainThread, parentPort } = require('worker_threads');

const WORKERS = 4;

function work() {
    parentPort.on('message', ({ id, body }) => {
        const digest = createHash('sha256').update(body).digest('hex');
        parentPort.postMessage({ id, text: `${digest} ${body.length}` });
    });
}

function serve(port) {
    const waiting = new Map();
    let next = 0;
    const workers = Array.from({ length: WORKERS }, () => new Worker(__filename));
    for (const worker of workers) {
        worker.on('message', ({ id, text }) => {
            waiting.get(id)(text);
            waiting.delete(id);
        });
    }
    const answer = (response, text) => response.writeHead(200, { 'Content-Length': text.length }).end(text);
    const server = http.createServer((request, response) => {
        const parts = [];
        request.on('data', (part) => parts.push(part));
        request.on('end', () => {
            if (request.method === 'GET') {
                answer(response, 'hello');
                return;
            }
            const id = next++;
            waiting.set(id, (text) => answer(response, text));
            workers[id % WORKERS].postMessage({ id, body: Buffer.concat(parts) });
        });
    });
    server.listen(port, '127.0.0.1', 512);
    process.on('SIGTERM', async () => {
        const statuses = await Promise.all(workers.map((worker) => worker.terminate()));
        process.exit(statuses.length);
    });
}

if (isMainThread) {
    serve(Number(process.argv[2]));
} else {
    work();
}
