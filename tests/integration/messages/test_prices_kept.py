"""What a message costs is written down when it leaves, by its provider and country."""

from __future__ import annotations

from sending_bench import NOON, Bench, Scripted, registry_of

from segmind.messages.dispatch import Dispatcher
from segmind.workspace.prices import MessagePrice
from segmind.workspace.product_settings import ProductSettings


def test_each_message_costs_what_the_table_says_of_provider_and_country(bench: Bench) -> None:
    people, provider = bench.customers(3), Scripted()
    for customer, country in zip(people, ("DE", "FR", None), strict=True):
        bench.run("UPDATE customer SET country = :c WHERE id = :id", c=country, id=customer)
    settings = ProductSettings(
        quiet_hours={},
        caps={},
        message_prices=(
            MessagePrice(channel="email", country="DE", micros=700),
            MessagePrice(channel="email", provider=provider.name, country="DE", micros=900),
            MessagePrice(channel="email", provider="another", country="FR", micros=800),
        ),
    )
    bench.broadcast(people, bench.version())
    sender = Dispatcher(
        bench.store, registry_of(provider), seed=1, settings=settings, now=lambda: NOON
    )
    sender.run_until_idle()
    told = "SELECT cost_micros FROM message WHERE customer_id = :id"
    assert [bench.value(told, id=customer) for customer in people] == [900, 400, 400]
