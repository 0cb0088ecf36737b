// npm's standardwebhooks: signs a body, and verifies what the emulator signed.
import { readFileSync } from 'node:fs';
import { Webhook } from 'standardwebhooks';

const { secret, body, id, timestamp, received } = JSON.parse(readFileSync(0, 'utf8'));
const hook = new Webhook(secret);
const verified = received.map(({ body, headers }) => {
  try {
    return hook.verify(body, headers).task_status;
  } catch (error) {
    return error.name;
  }
});
console.log(JSON.stringify({ signature: hook.sign(id, new Date(timestamp * 1000), body), verified }));
