/** Types of programs.mjs for the tests that are written in TypeScript. */

/** Path of MariaDB's engine Spider on this machine. */
export function findSpider(): string | undefined;
