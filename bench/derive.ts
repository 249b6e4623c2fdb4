/** Derives a key three times and prints how long each took: `derive.ts <password> <salt>`. */
import { argon2id } from '../src/crypto/argon2id.ts';

const [password = '', salt = ''] = process.argv.slice(2).map((text) => Buffer.from(text));
const times: number[] = [];
let key = '';
for (let i = 0; i < 3; i += 1) {
  const start = performance.now();
  const derived = await argon2id(Buffer.from(password), Buffer.from(salt), {
    memoryKib: 65536,
    iterations: 3,
    parallelism: 1,
  });
  times.push(performance.now() - start);
  key = Buffer.from(derived).toString('hex');
}
const [first, ...again] = times;
console.log(JSON.stringify({ first, again, key }));
