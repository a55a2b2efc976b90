"""What one client sends over one socket is stored in the order in which he sent it, also while he is catching up."""

from tests.e2e.people import Person


async def test_messages_sent_while_the_socket_catches_up_keep_their_order(alice: Person, bob: Person) -> None:
    room = await alice.direct(bob)
    async with bob.connected() as socket:
        for number in range(300):
            await socket.send("chat.message", room=room, content=str(number))
        for _ in range(300):
            await socket.next("chat.ack")
        await socket.quiet()
    async with alice.connected(f"&resume={room}:0") as socket:
        for number in range(30):
            await socket.send("chat.message", room=room, content=str(number), client_id=f"{number:02}")
        acks = [await socket.next("chat.ack") for _ in range(30)]
        await socket.quiet()
    acks.sort(key=lambda ack: ack["seq"])
    assert [ack["client_id"] for ack in acks] == [f"{number:02}" for number in range(30)]
