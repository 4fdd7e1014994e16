/** Before something is loaded, or where the server refuses it. */
export function Unavailable({ error }: { readonly error: string | undefined }) {
  if (error === undefined) return <p class="soft">Loading…</p>;
  return (
    <p class="error" role="alert">
      {error}
    </p>
  );
}
