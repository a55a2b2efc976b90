"""The queue of mails in Postgres."""

from uuid import UUID

from chassis.postgres import Connection

from ..model import Mail, MailKind


async def insert_mail(
    connection: Connection, mail_id: UUID, kind: MailKind, user_id: UUID | None, recipient: str, good_for_seconds: float
) -> None:
    """Have a mail sent, unless the same one is waiting already.

    Arguments:
        user_id: whose; None for whoever has that address.
        good_for_seconds: after which it is not worth sending any more.
    """
    await connection.execute(
        """
        INSERT INTO mails (id, kind, user_id, recipient, expires_at)
             VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5))
        ON CONFLICT (kind, lower(recipient), user_id) DO NOTHING
        """,
        mail_id,
        kind,
        user_id,
        recipient,
        good_for_seconds,
    )


async def claim_mails(connection: Connection, limit: int, lease_seconds: float) -> list[Mail]:
    """Some mails that are due, the oldest first, which nobody else is given for a while."""
    rows = await connection.fetch(
        """
           UPDATE mails
              SET attempts = attempts + 1, next_attempt_at = now() + make_interval(secs => $2)
            WHERE id IN (SELECT id
                           FROM mails
                          WHERE next_attempt_at <= now() AND expires_at > now()
                          ORDER BY next_attempt_at
                          LIMIT $1
                            FOR UPDATE SKIP LOCKED)
        RETURNING id, kind, user_id, recipient, attempts
        """,
        limit,
        lease_seconds,
    )
    return sorted((Mail(**dict(row)) for row in rows), key=lambda mail: mail.id)


async def put_mail_off(connection: Connection, mail_id: UUID, seconds: float) -> None:
    """Have a mail tried again so much later."""
    await connection.execute(
        "UPDATE mails SET next_attempt_at = now() + make_interval(secs => $2) WHERE id = $1", mail_id, seconds
    )


async def delete_mail(connection: Connection, mail_id: UUID) -> None:
    """Forget a mail that has been sent, or never will be."""
    await connection.execute("DELETE FROM mails WHERE id = $1", mail_id)


async def delete_expired_mails(connection: Connection) -> int:
    """Forget the mails that could not be sent in time; returns how many."""
    status = await connection.execute("DELETE FROM mails WHERE expires_at <= now()")
    return int(status.rpartition(" ")[2])


async def measure_mails(connection: Connection) -> tuple[int, float]:
    """How many mails wait, and for how long the oldest does, in seconds."""
    row = await connection.fetchrow(
        "SELECT count(*), coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 FROM mails"
    )
    return (row[0], row[1]) if row is not None else (0, 0.0)
