/** What stands in a session in the place of something that is left out of it as a whole. */
export const leftOut = (why: string) => `[left out by cclink: ${why}]`;

/** Where something was that tools showed of a file of secrets, or wrote to it. */
export const LEFT_OUT = leftOut('shows a file of secrets');
