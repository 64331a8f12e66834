"""Kills a program that fills a spool, again and again: what it said to be durable is there when the spool is reopened."""
import os
import random
import subprocess
import sys
import tempfile
import time
import unittest

VICTIM = sys.argv.pop()
KILLS = 20


def words(text):
    """Lines that were printed whole."""
    return [line.split() for line in text.split("\n")[:-1]]


class Kill(unittest.TestCase):
    def test_what_was_acknowledged_is_there(self):
        seed = int(os.environ.get("POSTRIDER_SEED", time.time_ns() % 1_000_000))
        chance = random.Random(seed)
        total = 0
        with self.subTest(seed=seed), tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "spool.db")
            expected, maybe_gone = {}, set()
            for _ in range(KILLS):
                victim = subprocess.Popen([VICTIM, "fill", path], stdout=subprocess.PIPE)
                time.sleep(chance.uniform(0.02, 0.4))
                victim.kill()
                said = words(victim.communicate()[0].decode())
                for line in said:
                    if line[0] == "put":
                        self.assertNotIn(line[1], expected, "an id was given twice")
                        expected[line[1]] = line[2]
                        total += 1
                    elif line[0] == "settling":
                        maybe_gone.add(line[1])
                    elif line[0] == "settled":
                        maybe_gone.discard(line[1])
                        del expected[line[1]]
                listed = words(subprocess.run([VICTIM, "list", path], stdout=subprocess.PIPE, check=True, timeout=60).stdout.decode())
                has = {}
                for _, mail, number, state in listed:
                    self.assertEqual(state, "whole", mail)
                    has[mail] = number
                for mail in maybe_gone - has.keys():
                    del expected[mail]
                maybe_gone.clear()
                for mail, number in expected.items():
                    self.assertEqual(has.get(mail), number, f"mail {mail} was acknowledged and is lost")
                # Committed, but killed before it could say so: none of it is half there.
                expected.update(has)
            self.assertGreater(total, KILLS, "hardly anything was put")
        print(f"{KILLS} kills, {total} mails acknowledged, none lost; seed {seed}", file=sys.stderr)


unittest.main()
