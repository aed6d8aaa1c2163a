"""Soft actor-critic: its losses are those of an independent implementation, and it finds what is rewarded."""

import pytest
import torch

from cadc.streams.soft_actor_critic import LOG_STD, SoftActorCritic, Transitions


def transitions(n=32, n_state=5, n_actions=3):
    generator = torch.Generator().manual_seed(1)
    states, after = torch.randn(2, n, n_state, generator=generator)
    return Transitions(
        states, torch.rand(n, n_actions, generator=generator), torch.randn(n, generator=generator), after
    )


def agent_of(seed=0, **options):
    return SoftActorCritic(5, 3, torch.Generator().manual_seed(seed), hidden=(16, 16), **options)


def test_losses_are_those_of_torchrl():
    pytest.importorskip("torchrl", reason="the extra `rl` is not installed")
    from tensordict import TensorDict
    from tensordict.nn import TensorDictModule
    from torchrl.data import Bounded
    from torchrl.modules import ProbabilisticActor, TanhNormal, ValueOperator
    from torchrl.objectives import SACLoss

    agent, seen = agent_of(entropy=0.3, discount=0.9), transitions()

    class Parts(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.actor = agent.actor

        def forward(self, states):
            mean, log_std = self.actor(states).chunk(2, -1)
            return mean, log_std.clamp(*LOG_STD).exp()

    class Critic(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.critic = agent.critics[0]

        def forward(self, states, actions):
            return self.critic(torch.cat([states, (actions + 1) / 2], -1))  # torchrl's are from -1 to 1

    actor = ProbabilisticActor(
        TensorDictModule(Parts(), in_keys=["observation"], out_keys=["loc", "scale"]),
        in_keys=["loc", "scale"],
        distribution_class=TanhNormal,
        distribution_kwargs={"tanh_loc": False},
        spec=Bounded(-1.0, 1.0, (3,)),
        return_log_prob=True,
    )
    critic = ValueOperator(Critic(), in_keys=["observation", "action"])
    oracle = SACLoss(
        actor, critic, num_qvalue_nets=2, fixed_alpha=True, alpha_init=0.3, loss_function="l2", delay_qvalue=True
    )
    oracle.make_value_estimator(oracle.default_value_estimator, gamma=0.9)
    with torch.no_grad():
        for own in (oracle.qvalue_network_params, oracle.target_qvalue_network_params):
            for name, value in own.flatten_keys(".").items():
                place = name.removeprefix("module.critic.")
                value.copy_(torch.stack([dict(part.named_parameters())[place] for part in agent.critics]))
    data = TensorDict(
        {
            "observation": seen.states,
            "action": 2 * seen.actions - 1,
            "next": {
                "observation": seen.after,
                "reward": seen.rewards[:, None],
                "done": torch.zeros(32, 1, dtype=torch.bool),
                "terminated": torch.zeros(32, 1, dtype=torch.bool),
            },
        },
        [32],
    )
    torch.manual_seed(3)
    expected = float(oracle.qvalue_v2_loss(data)[0].mean())
    assert float(agent.critic_loss(seen, torch.Generator().manual_seed(3))) == pytest.approx(expected, rel=1e-5)
    torch.manual_seed(4)
    expected = float(oracle.actor_loss(data)[0].mean())
    assert float(agent.actor_loss(seen.states, torch.Generator().manual_seed(4))) == pytest.approx(expected, rel=1e-5)


def test_densities_are_those_of_a_squashed_gaussian():
    agent, states = agent_of(), transitions().states
    actions, log_density = agent.drawn(states, torch.Generator().manual_seed(0))
    mean, log_std = agent.actor(states).chunk(2, -1)
    squashed = torch.distributions.TransformedDistribution(
        torch.distributions.Normal(mean, log_std.exp()), [torch.distributions.transforms.TanhTransform()]
    )
    expected = squashed.log_prob(2 * actions - 1).sum(-1)
    torch.testing.assert_close(log_density, expected, atol=1e-3, rtol=1e-3)


def test_it_comes_close_to_the_action_that_is_rewarded():
    agent = agent_of(actor_rate=1e-2, critic_rate=1e-2, entropy=0.01, discount=0.0)
    generator, state = torch.Generator().manual_seed(0), torch.ones(64, 5)
    wanted = torch.tensor([0.2, 0.5, 0.8])
    for _ in range(150):
        actions = torch.rand(64, 3, generator=generator)
        agent.learn(Transitions(state, actions, -(actions - wanted).square().sum(1), state), generator)
    # An action in the middle is 0.18 off.
    assert float((agent.mean(state)[0] - wanted).square().sum()) < 0.18 / 4


def test_a_resumed_agent_goes_on_bit_by_bit():
    one, seen = agent_of(), transitions()
    one.learn(seen, torch.Generator().manual_seed(5))
    other = agent_of(seed=1)
    other.resume(one.state())
    for agent in (one, other):
        agent.learn(seen, torch.Generator().manual_seed(6))
    first, second = one.state(), other.state()
    assert first.keys() == second.keys()
    assert all(torch.equal(value, second[name]) for name, value in first.items())
