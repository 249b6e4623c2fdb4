import { randomInt } from 'node:crypto';

/**
 * PINs of 8 characters or more that are guessed first, in lower case: every published list of leaked
 * passwords has them among its first few hundred.
 */
const COMMON = new Set(
  `password passw0rd p@ssword p@ssw0rd password1 password12 password123 password! iloveyou sunshine princess football baseball
  basketball superman starwars whatever trustno1 letmein1 letmein123 welcome1 welcome123 qwertyuiop qwerty123 qwerty12 qwertyui
  qwert123 1qaz2wsx 1q2w3e4r 1q2w3e4r5t q1w2e3r4 zaq12wsx zaq1zaq1 qazwsxedc asdfghjk asdfghjkl zxcvbnm1 zxcvbnm123 abcd1234
  abc12345 abc123456 a1b2c3d4 aa123456 a1234567 a12345678 admin123 admin1234 administrator changeme changeme1 computer internet
  michelle jennifer jordan23 liverpool corvette mercedes maverick samantha victoria charlotte alexander christopher december
  november september dragon12 monkey123 shadow12 master12 michael1 ashley12 baby1234 lovely12 hello123 hellohello testtest
  test1234 testing1 secret12 secret123 secretsecret default1 guest123 root1234 toor1234 login123 access14 claude12 claudecode
  cclink12 cclinkcclink mypassword mypass12 passpass pass1234 pass12345 password2 newpassword iloveyou1 iloveyou2 babygirl
  blink182 chocolate butterfly spiderman pokemon1 minecraft fuckyou1 fuckyou2 asshole1 killer12 hunter12 hunter123 batman12
  thunder1 matrix12 cowboys1 yankees1 lakers24 steelers redskins arsenal1 chelsea1 barcelona juventus`.split(/\s+/),
);

/** Why a PIN is too easy to guess, in the user's words; null if it is good enough. */
export function weaknessOfPin(pin: string): string | null {
  const characters = [...pin];
  if (characters.length < 8) return 'it has fewer than 8 characters';
  if (characters.every((character) => character === characters[0])) return 'it is one character again and again';
  if (isRun(characters)) return 'it is a run of neighbouring characters';
  if (/^\p{Nd}+$/u.test(pin) && characters.length < 12) return 'digits alone need to be at least 12';
  if (COMMON.has(pin.toLowerCase())) return 'it is among the first that anybody would try';
  return null;
}

/** True if the characters count up or down one by one: `12345678`, `hgfedcba`. */
function isRun(characters: string[]): boolean {
  const codes = characters.map((character) => character.toLowerCase().codePointAt(0) ?? 0);
  const steps = codes.slice(1).map((code, i) => code - (codes[i] ?? 0));
  const wrapped = steps.map((step) => (step === -9 ? 1 : step === 9 ? -1 : step)); // 9 is followed by 0
  return wrapped.every((step) => step === 1) || wrapped.every((step) => step === -1);
}

/** A PIN made here: five words of 2048, 55 bits. */
export function makePin(words: readonly string[]): string {
  return Array.from({ length: 5 }, () => words[randomInt(words.length)]).join('-');
}
