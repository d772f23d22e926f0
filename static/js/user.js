// How users are named.

/** What others call a user. */
export function nameOf({ name, username, email }) {
  return name ?? username ?? email ?? "a former account";
}

/** What tells a user from all others. */
export function labelOf({ email, username, name }) {
  return email ?? username ?? name ?? "a former account";
}
