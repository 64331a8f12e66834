// nodemailer with its pool. The same arguments as the other clients of the benchmarks.
'use strict';
const fs = require('fs');
const nodemailer = require('nodemailer');

const given = { '--certificate': '' };
for (let i = 2; i + 1 < process.argv.length; i += 2) given[process.argv[i]] = process.argv[i + 1];
const connections = Number(given['--connections']);
const mails = Number(given['--mails']);
const secure = given['--certificate'] !== '';
const raw = fs.readFileSync(given['--content']);

const transport = nodemailer.createTransport({
  pool: true,
  host: '127.0.0.1',
  port: Number(given['--port']),
  name: 'client.example.com',
  maxConnections: connections,
  maxMessages: Infinity,
  secure,
  ignoreTLS: !secure,
  tls: secure ? { ca: [fs.readFileSync(given['--certificate'])], servername: 'localhost' } : {},
  disableFileAccess: true,
  disableUrlAccess: true,
});

let begun = 0;
let accepted = 0;
async function caller() {
  while (begun < mails) {
    begun += 1;
    await transport.sendMail({ envelope: { from: 'ada@example.com', to: ['charles@example.org'] }, raw });
    accepted += 1;
  }
}

Promise.all(Array.from({ length: connections * 2 }, caller)).then(() => {
  transport.close();
  console.log('accepted', accepted);
}, (error) => {
  console.error(error);
  process.exit(1);
});
