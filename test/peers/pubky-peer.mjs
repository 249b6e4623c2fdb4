// Pubky's SDK, in a file of its own: types and tests do without it where it is not installed.
export { Keypair } from '@synonymdev/pubky';
