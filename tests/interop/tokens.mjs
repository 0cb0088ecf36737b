// npm's jsonwebtoken: signs what stdin asks for, and verifies our tokens.
import { readFileSync } from 'node:fs';
import jwt from 'jsonwebtoken';

const { secret, sign, verify } = JSON.parse(readFileSync(0, 'utf8'));
const made = sign.map(({ claims, options, secret: other }) => jwt.sign(claims, other ?? secret, options ?? {}));
const read = verify.map((token) => jwt.verify(token, secret, { algorithms: ['HS256'], complete: true }));
console.log(JSON.stringify({ made, read }));
