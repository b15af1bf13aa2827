"""Sockets that listen: what their connections inherit."""

from __future__ import annotations

import socket

from segmind.api import sending


def test_connections_of_a_socket_that_does_not_name_tcp_send_at_once() -> None:
    with socket.socket(socket.AF_INET) as listener:  # as Streamlit makes it
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        assert sending.at_once() >= 1
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_sockets_that_do_not_listen_are_left_as_they_are() -> None:
    with socket.socket(socket.AF_INET) as idle:
        sending.at_once()
        assert not idle.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert idle.fileno() >= 0
