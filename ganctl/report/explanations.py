"""What a chart or a warning means, what good looks like and what to do: every such sentence of a report's page."""

from collections.abc import Mapping

FINDINGS: Mapping[str, str] = {  # by the title of a warning, without what stands in brackets
    "A loss or a weight became not-a-number": (
        "Usually the learning rate is too high or a gradient exploded; in a good run every value stays finite. "
        "Start again with smaller steps."
    ),
    "The run is not finished": (
        "What is here may still become better or worse; going on is exact, the result is the same as without the "
        "interruption."
    ),
    "The discriminator wins": (
        "The generator learns little from a judge that is always right; good is D(real) between 0.5 and 0.9 with "
        "D(fake) below it. Weaken the discriminator: a penalty, and a lower learning rate for it alone."
    ),
    "The discriminator tells nothing apart": (
        "Theory's goal if the pictures are good; if they are not, the discriminator is too weak to teach. Then give it "
        "more updates, and the generator a lower learning rate."
    ),
    "The learning rate is nought": (
        "Steps with it change nothing; a good schedule ends at about a hundredth of its highest rate. "
        "Raise where it ends."
    ),
    "It became slower": (
        "Speed should be level; another program on the machine, or a processor that grew hot, slows it down. The "
        "scores are the same whatever the speed: end the other program, or let it be."
    ),
    "A gradient explodes": (
        "Steps in the direction of such a gradient undo what was learned; good are norms within some ten times of each "
        "other. Clip them, and learn more slowly."
    ),
    "A gradient vanishes": (
        "A network whose gradient is nearly nought learns nothing more; good are norms within some ten times of each "
        "other. Take a loss that does not saturate, or weaken the discriminator."
    ),
    "The pictures are black and white only": (
        "The generator's last layer is driven to its ends, where nearly no gradient comes through; good pictures have "
        "midtones as real ones have. Go back to before it, and learn more slowly."
    ),
    "Pixels out of range": (
        "Values beyond [-1, 1] are cut off in every picture; a good generator without tanh leaves less than a "
        "hundredth outside. Learn more slowly, or give the network a tanh."
    ),
    "Mode collapse: a batch of pictures is alike": (
        "The generator has come to draw much the same whatever it is given; good pictures differ from each other as "
        "real ones do. Make the discriminator see how alike the pictures are."
    ),
    "Mode collapse: the pictures lack variety": (
        "The generator leaves out part of the data; in a good run each class has about its share among the real images "
        "(where those are uneven, so may these be). Make the discriminator see how alike the pictures are."
    ),
    "It may have learned images by heart": (
        "Some samples are nearly training images; good is about the share that chance alone gives. Small data sets "
        "invite it: stop earlier, use more images, or mirror them where mirror images are as real."
    ),
    "The score was better before": (
        "Overfitting, or an imbalance that grew; a good score levels off. The best checkpoint is kept: next time let "
        "the learning rate fall, and stop when the score stands still."
    ),
    "Variety is traded for looks": (
        "The generator keeps to what it draws well, the beginning of collapse; good is that both rise. Judge by "
        "variety, and steady the discriminator."
    ),
    "The score was still improving": (
        "The best score came last, so the end came early; a finished run levels off. Train longer: going on is cheaper "
        "than starting again."
    ),
    "Too few images for a Frechet distance": (
        "With few images the distance comes out too high and ranks nothing; good are more images than the features "
        "have dimensions. Judge more images, or read the kernel distance, which is unbiased also with few."
    ),
    "Evaluated too seldom": (
        "Only judged checkpoints can be best; ten evaluations show where the score levels off. Judge more often, with "
        "fewer images if it takes long."
    ),
}

CHARTS: Mapping[str, str] = {  # of training, by the title or the logged name
    "Losses": (
        "Each network's loss, lower where it beats the other: good are two curves that level off; where one falls for "
        "long while the other climbs, the first wins, and should be slowed down."
    ),
    "D(real) and D(fake)": (
        "The discriminator's mean belief that real and that generated images are real: good is D(real) above D(fake), "
        "neither at 1 or 0; there weaken the discriminator, and strengthen it where both are one and pictures are bad."
    ),
    "d_loss": (
        "Lower where the discriminator tells real from generated better: good is a curve that levels off; after a long "
        "fall the discriminator wins, and should be slowed down."
    ),
    "g_loss": (
        "Lower where the discriminator takes more of the generated images for real: good is a curve that levels off; "
        "after a long climb the discriminator wins, and should be slowed down."
    ),
    "d_real": (
        "The discriminator's mean belief that real images are real: good is between 0.5 and 0.9; at 1 weaken the "
        "discriminator."
    ),
    "d_fake": (
        "The discriminator's mean belief that generated images are real: good is between 0.1 and 0.5; at 0 weaken the "
        "discriminator."
    ),
    "d_penalty": (
        "What is added to the discriminator's loss to keep it smooth: good is small beside the loss; lower its weight "
        "where it rules."
    ),
    "g_penalty": (
        "What is added to the generator's loss: good is small beside the loss; lower its weight where it rules."
    ),
    "cycle": (
        "How far a picture is, after both ways, from what it was, weighted: good is a long fall that levels off; "
        "where it stays high the ways do not lead home, and a larger weight holds them to it."
    ),
    "identity": (
        "How far a generator changes what is of its own kind already, with its weight: good is a long fall that levels "
        "off; where it rules, outputs hardly differ from their sources, and a smaller weight frees them."
    ),
    "ada_p": (
        "How often each transform is done to an image: it rises while the discriminator knows real images by heart; "
        "good is a curve that levels off below 0.8; above it, leave out of the policy what shows in generated images."
    ),
    "scheduled_p": "How often each transform is done to an image: it should follow the schedule that was chosen.",
    "top_k_share": "Of a batch, the part that the discriminator judges best: it should fall in steps, and then stay.",
    "gradient_generator": (
        "How long the step is that the generator's loss asks for: good is a level curve; after a rise to a hundred "
        "times as much clip it (training.clip_norm), after such a fall weaken the discriminator."
    ),
    "gradient_discriminator": (
        "How long the step is that the discriminator's loss asks for: good is a level curve; after a rise to a hundred "
        "times as much clip it (training.clip_norm); near 0 it has won."
    ),
    "variety": (
        "How far pictures of one batch differ from each other, as a multiple of how far real ones do: good is about 1; "
        "near 0 they are all alike, which is mode collapse."
    ),
    "saturation": (
        "The share of the real images' midtones that generated ones lack: good is near 0; at 1 they are black and "
        "white only, so learn more slowly."
    ),
    "out_of_range": (
        "The share of generated values beyond [-1, 1] by more than a tenth: good is 0; where it grows, learn more "
        "slowly."
    ),
    "learning_rate": (
        "How large the steps are: it should follow the schedule that was chosen, and not reach 0 before the end."
    ),
    "images_per_second": (
        "How fast it trains: good is level; a fall means that something else uses the machine, and changes no result."
    ),
}

NO_PROBABILITIES = (
    "The sigmoid of what the discriminator gives to real and to generated images; by this loss it is no probability, "
    "so good is only that both level off: go by the scores and the pictures."
)

SCORES: Mapping[str, str] = {  # by how the score's name begins; the longer beginning counts
    "fid": (
        "How far generated images are from real ones by Inception's features: lower is better, 0 is alike; train on "
        "while it falls, and compare only scores made alike."
    ),
    "fd_": (
        "How far generated images are from real ones by the judge's features: lower is better, 0 is alike; train on "
        "while it falls, and compare only scores made alike."
    ),
    "kid": (
        "The kernel distance between generated and real images, with its 95 % interval: lower is better, 0 is alike; "
        "take two runs for different only where their bands do not overlap."
    ),
    "kd_": (
        "The kernel distance between generated and real images, with its 95 % interval: lower is better, 0 is alike; "
        "take two runs for different only where their bands do not overlap."
    ),
    "is_": (
        "The Inception Score, how sure the classifier is of each image and how many classes there are: higher is "
        "better, at most the number of classes; if it stalls low, look for missing classes."
    ),
    "confidence": (
        "How sure the classifier is of each image: good is near 1, as of real images; if it stays low, shapes are "
        "unclear, so train on."
    ),
    "class_accuracy": (
        "How often an image is of the class that was asked for: good is near the value of real images; if it stays "
        "low, train on, or check the labels."
    ),
    "modes": "How many classes are drawn at all: good is all of them; fewer mean mode collapse, see the warnings.",
    "reverse_kl": "How uneven the classes are beside the real ones: good is near 0; a rise means that classes vanish.",
    "precision": (
        "The share of generated images that could be real: higher is better; if it stays low, the pictures are bad."
    ),
    "recall": (
        "The share of real images that the generator could have made: higher is better; if it falls, variety is lost."
    ),
    "density": "How deep generated images lie among real ones: good is about 1; far above it, they crowd together.",
    "coverage": (
        "The share of real images that have a generated one nearby: higher is better; if it falls, variety is lost."
    ),
    "copies": "The share of images too near to a training image: good is at most what chance gives; else stop earlier.",
    "duplicates": "The share of images with a twin among the samples: good is near 0; a rise means mode collapse.",
    "style": (
        "How far textures and colours of all images together are from those of real ones: lower is better, good is the "
        "value of style_real; if it stays high, train on, and look whether pictures are blurred or noisy."
    ),
    "style_nearest": (
        "How far each image's textures and colours are from the most similar real image's: lower is better, good is "
        "the value of style_nearest_real; far below that they are copies, so stop earlier."
    ),
    "style_real": "What real images that are held out get as style: the line that a perfect generator would reach.",
    "style_nearest_real": "What real images that are held out get as style_nearest: the line to compare it with.",
    "perceptual_pairs": (
        "How unlike two images look on average: good is the value of perceptual_pairs_real; far below it they look "
        "alike, which is mode collapse, and far above it they are noise."
    ),
    "perceptual_pairs_real": "How unlike two real images look on average: the line to compare perceptual_pairs with.",
    "ssim_pairs": (
        "How alike two images are by their structure, 1 for the same: good is the value of ssim_pairs_real; far above "
        "it is mode collapse, far below it noise."
    ),
    "ms_ssim_pairs": (
        "As ssim_pairs, at several scales: good is the value of ms_ssim_pairs_real; far above it is mode collapse, far "
        "below it noise."
    ),
    "nearest": "How far off training images are: good is about 1; near 0 they are copies, so stop earlier.",
}

SHARES = (
    "How often each class is drawn: good are bars near those of the real data, which the dotted line has where its "
    "classes are even; missing bars mean mode collapse, see the warnings."
)
IMPORTANCES = (
    "How much worse a model predicts the score without a setting: long bars are settings that matter; sweep those "
    "further, as far as the sentence above trusts them."
)
STRIP = (
    "Each job's score over its value of this setting: good is a value whose points are all better; where the points "
    "of two values mix, the setting hardly matters."
)
PARALLEL = (
    "Each line is a job from its settings to its score, the best in thick: values that many good lines cross are worth "
    "keeping; try more near them."
)


def of_score(name: str) -> str:
    """What a score means; empty for one of a user's own."""
    beginnings = [beginning for beginning in SCORES if name.startswith(beginning)]
    return SCORES[max(beginnings, key=len)] if beginnings else ""
