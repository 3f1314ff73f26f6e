"""A simulated walker on a treadmill, seen from the side: limbs that swing as in human gait.

Angles are in radians from straight down, positive forwards; lengths are in pixels; x grows in the
direction of walking, y downwards. Hip and shoulder swing as cosines of the phase, the knee bends
once in the swing phase. These are smooth approximations of the measured curves (Winter,
Biomechanics and Motor Control of Human Movement, 2009).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

KNEE_SHARPNESS = 2.5
KNEE_PEAK = 1.45 * np.pi  # phase at which the knee bends most; 0 is heel contact
SIDES = (np.pi, 0.0)  # the phases of the far leg and the near one


@dataclass(frozen=True)
class Person:
    """The parameters that all walks of a person share.

    Attributes:
        height: from sole to crown, in pixels.
        leg: length as a share of the height.
        shank: length as a share of the leg.
        arm: length as a share of the height.
        girth: radius of the trunk as a share of the height.
        stride: amplitude of the hip's angle.
        knee: largest angle of the knee.
        swing: amplitude of the shoulder's angle.
        elbow: angle of the elbow.
        lean: angle of the trunk, forwards.
        cadence: cycles of two steps per second.
    """

    height: float
    leg: float
    shank: float
    arm: float
    girth: float
    stride: float
    knee: float
    swing: float
    elbow: float
    lean: float
    cadence: float

    @classmethod
    def drawn(cls, stream: np.random.Generator) -> Person:
        """Return a random person."""
        between = stream.uniform
        return cls(
            height=between(84, 106),
            leg=between(0.46, 0.53),
            shank=between(0.47, 0.53),
            arm=between(0.33, 0.40),
            girth=between(0.055, 0.085),
            stride=between(0.30, 0.48),
            knee=between(0.75, 1.15),
            swing=between(0.15, 0.60),
            elbow=between(0.1, 0.9),
            lean=between(-0.02, 0.14),
            cadence=between(0.75, 1.10),
        )


@dataclass(frozen=True)
class Walk:
    """The parameters of a single walk.

    Attributes:
        phase: at the start, 0 to 2 pi.
        speed: multiplies the cadence.
        scale: multiplies all lengths, as the distance to the camera does.
        drift: speed across the image as a share of the walking speed, since the belt is not exact.
        x: of the hip at the start, in pixels.
        ground: y of the ground, in pixels.
    """

    phase: float
    speed: float
    scale: float
    drift: float
    x: float
    ground: float

    @classmethod
    def drawn(cls, stream: np.random.Generator) -> Walk:
        """Return a random walk on a sensor of 128x128 pixels."""
        return cls(
            phase=stream.uniform(0, 2 * np.pi),
            speed=stream.normal(1, 0.04),
            scale=stream.normal(1, 0.02),
            drift=stream.normal(0.08, 0.04),
            x=stream.uniform(54, 64),
            ground=stream.uniform(117, 121),
        )


def skeleton(person: Person, walk: Walk, times: Floats) -> tuple[Floats, Floats]:
    """Return the limbs of a walk, from back to front.

    Args:
        person: the parameters of the walker.
        walk: the parameters of this walk.
        times: ``(f,)``, in seconds.

    Returns:
        The ends of each limb ``(limbs, f, 2, 2)`` as limb, time, end, (x, y), and the radius of
        each limb ``(limbs,)``, all in pixels. The order is far arm, far leg, trunk, neck, head,
        near leg, near arm.
    """
    tall = person.height * walk.scale
    leg = person.leg * tall
    phase = walk.phase + 2 * np.pi * person.cadence * walk.speed * times
    # Two steps per cycle, each as long as the distance between the spread legs.
    cycle = 4 * leg * np.sin(person.stride)
    x = walk.x + walk.drift * cycle * person.cadence * walk.speed * times
    high = leg * np.cos(person.stride * np.cos(phase))  # lower while the legs are spread
    hip = np.stack([x, walk.ground - 0.02 * tall - high], -1)
    lean = np.full_like(x, np.pi - person.lean)  # straight up is pi
    shoulder = _end(hip, lean, 0.31 * tall)
    head = _end(shoulder, lean, (1 - person.leg - 0.31 - 0.075) * tall)
    arms = [_arm(person, phase + side, tall, shoulder) for side in SIDES]
    legs = [_leg(person, phase + side, tall, hip) for side in SIDES]
    limbs = [*arms[0], *legs[0], (hip, shoulder), (shoulder, head), (head, head)]
    limbs += [*legs[1], *arms[1]]
    thick = np.array([0.022, 0.018, 0.04, 0.027, 0.02])  # upper and fore arm, thigh, shank, foot
    arm, lower = thick[:2], thick[2:]
    radii = np.concatenate([arm, lower, [person.girth, 0.03, 0.065], lower, arm]) * tall
    return np.stack([np.stack(ends, 1) for ends in limbs]), radii


def _leg(person: Person, phase: Floats, tall: float, hip: Floats) -> list[tuple[Floats, Floats]]:
    """Return thigh, shank and foot."""
    leg = person.leg * tall
    thigh = 0.06 + person.stride * np.cos(phase)
    bend = 0.08 + person.knee * np.exp(KNEE_SHARPNESS * (np.cos(phase - KNEE_PEAK) - 1))
    knee = _end(hip, thigh, (1 - person.shank) * leg)
    ankle = _end(knee, thigh - bend, person.shank * leg)
    toes = _end(ankle, thigh - bend + np.pi / 2 - 0.1, 0.09 * tall)
    return [(hip, knee), (knee, ankle), (ankle, toes)]


def _arm(
    person: Person, phase: Floats, tall: float, shoulder: Floats
) -> list[tuple[Floats, Floats]]:
    """Return upper arm and forearm; an arm swings against the leg of its side."""
    upper = -person.swing * np.cos(phase)
    lower = upper + person.elbow * (1 - 0.3 * np.cos(phase))
    elbow = _end(shoulder, upper, 0.5 * person.arm * tall)
    return [(shoulder, elbow), (elbow, _end(elbow, lower, 0.5 * person.arm * tall))]


def _end(start: Floats, angle: Floats, length: float) -> Floats:
    """Return the other end of a limb, ``(f, 2)``."""
    return start + length * np.stack([np.sin(angle), np.cos(angle)], -1)
