/** What stands in a session where something was that tools showed of a file of secrets, or wrote to it. */
export const LEFT_OUT = '[left out by cclink: shows a file of secrets]';
