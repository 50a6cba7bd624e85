/**
 * What the exit status of the `liminal-node` command means. Scripts rely on these numbers: they are only
 * ever added to, and `docs/cli.md` has the same table.
 */
export const EXIT = {
  /** It did what it was asked. */
  ok: 0,
  /** It failed underway, was cut short, or something was lost. */
  failed: 1,
  /** The command line, the environment or the input is wrong: a flag, an address, a name, JSON. */
  usage: 2,
  /** The address to listen on is taken or is not of this machine. */
  listen: 3,
  /** The node to attach to cannot be reached. */
  connect: 4,
  /** The cookie is refused: by the other node, or here because it is unsafe. */
  cookie: 5,
  /** The module of `--app` does not load, its default export failed, or a child of its application did not start. */
  app: 6,
  /** The application ended by itself, because its top supervisor gave up, and the node with it. */
  applicationEnded: 7,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
